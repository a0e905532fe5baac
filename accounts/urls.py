"""Addresses of accounts, below /api/."""

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from accounts.api import approvals, invitations, permissions, sign_ins, views


class UserIdConverter(IntConverter):
    """A user's id: a whole number PostgreSQL's bigint holds."""

    regex = "[0-9]{1,18}"


register_converter(UserIdConverter, "user_id")

urlpatterns = [
    path("auth/token", views.Token.as_view(), name="auth-token"),
    path("auth/token/refresh", views.TokenRefresh.as_view(), name="auth-token-refresh"),
    path("auth/logout", views.Logout.as_view(), name="auth-logout"),
    path("auth/sign-ins", sign_ins.OwnSignIns.as_view(), name="own-sign-ins"),
    path("auth/sign-ins/<str:pk>", sign_ins.OwnSignIn.as_view(), name="own-sign-in"),
    path("auth/invitations", invitations.OwnInvitations.as_view(), name="own-invitations"),
    path("auth/invitations/join", invitations.Join.as_view(), name="invitation-join"),
    path(
        "auth/invitations/<str:pk>/accept",
        invitations.Accept.as_view(),
        name="invitation-accept",
    ),
    path(
        "auth/invitations/<str:pk>/decline",
        invitations.Decline.as_view(),
        name="invitation-decline",
    ),
    path("auth/me", views.WhoAmI.as_view(), name="auth-me"),
    path(
        "businesses",
        views.Businesses.as_view({"get": "list", "post": "create"}),
        name="businesses",
    ),
    path(
        "businesses/<str:pk>",
        views.Businesses.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="business",
    ),
    path("api-keys", views.ApiKeys.as_view({"get": "list", "post": "create"}), name="api-keys"),
    path(
        "api-keys/<str:pk>",
        views.ApiKeys.as_view({"get": "retrieve", "delete": "destroy"}),
        name="api-key",
    ),
    path("api-keys/<str:pk>/rotate", views.ApiKeys.as_view({"post": "rotate"}), name="key-rotate"),
    path("approvals", approvals.Approvals.as_view({"get": "list"}), name="approvals"),
    path("approvals/<str:pk>", approvals.Approvals.as_view({"get": "retrieve"}), name="approval"),
    path(
        "approvals/<str:pk>/approve",
        approvals.Approvals.as_view({"post": "approve"}),
        name="approval-approve",
    ),
    path(
        "approvals/<str:pk>/reject",
        approvals.Approvals.as_view({"post": "reject"}),
        name="approval-reject",
    ),
    path(
        "approvals/<str:pk>/withdraw",
        approvals.Approvals.as_view({"post": "withdraw"}),
        name="approval-withdraw",
    ),
    path("permissions", permissions.Grants.as_view(), name="permissions"),
    path("permissions/roles", permissions.Roles.as_view(), name="permission-roles"),
    path("permissions/assign", permissions.Assign.as_view(), name="permission-assign"),
    path("permissions/check", permissions.Check.as_view(), name="permission-check"),
    path(
        "permissions/<user_id:user_id>",
        permissions.MemberPermissions.as_view(),
        name="member-permissions",
    ),
    path(
        "invitations",
        invitations.Invitations.as_view({"get": "list", "post": "create"}),
        name="invitations",
    ),
    path(
        "invitations/<str:pk>",
        invitations.Invitations.as_view({"get": "retrieve", "delete": "destroy"}),
        name="invitation",
    ),
    path(
        "invitations/<str:pk>/resend",
        invitations.Invitations.as_view({"post": "resend"}),
        name="invitation-resend",
    ),
    path("sign-ins/<str:pk>", sign_ins.MemberSignIn.as_view(), name="member-sign-in"),
    path(
        "users/<user_id:user_id>/sign-ins",
        sign_ins.MemberSignIns.as_view(),
        name="member-sign-ins",
    ),
    path("users", views.Members.as_view({"get": "list", "post": "create"}), name="users"),
    path(
        "users/<user_id:user_id>/second-factor",
        views.MemberSecondFactor.as_view(),
        name="user-second-factor",
    ),
    path(
        "users/<user_id:user_id>",
        views.Members.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="user",
    ),
]
