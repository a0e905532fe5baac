"""Sign-in, businesses, members and API keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import (
    access,
    api_keys,
    business_choice,
    businesses,
    holdings,
    members,
    second_factor,
    tenancy,
    tokens,
)
from accounts.access import Access
from accounts.api import filters, serializers
from accounts.api.asking import caller_of, valid
from accounts.api.invitations import InvitationInput, InvitationOutput, created
from accounts.models import ApiKey, Business, Membership, User
from accounts.tenancy import Door
from config.lib.api.permissions import PUBLIC, SIGNED_IN
from config.lib.api.throttles import LoginThrottle
from config.lib.api.views import ApiView, ApiViewSet
from config.lib.errors import InvalidInput, NotAllowed, NotFound


class Token(ApiView):
    """Sign in."""

    permission = PUBLIC
    idempotent = False
    needs_business = False
    authentication_classes = ()
    throttle_classes = (LoginThrottle,)

    @extend_schema(request=serializers.Credentials, responses=serializers.TokenPair)
    def post(self, request: Request) -> Response:
        """Return an access and a refresh token for an e-mail and password."""
        given = valid(serializers.Credentials, request)
        pair = tokens.sign_in(request._request, now=timezone.now(), **given)
        return Response(serializers.TokenPair(pair).data)


class TokenRefresh(ApiView):
    """Stay signed in."""

    permission = PUBLIC
    idempotent = False
    needs_business = False
    authentication_classes = ()

    @extend_schema(request=serializers.RefreshInput, responses=serializers.TokenPair)
    def post(self, request: Request) -> Response:
        """Return the next tokens; the refresh token given is used up."""
        given = valid(serializers.RefreshInput, request)
        pair = tokens.refresh(token=given["refresh"], now=timezone.now())
        return Response(serializers.TokenPair(pair).data)


class Logout(ApiView):
    """Sign out."""

    permission = PUBLIC  # holding the refresh token is the right to end it
    idempotent = False
    needs_business = False
    authentication_classes = ()

    @extend_schema(request=serializers.RefreshInput, responses={204: None})
    def post(self, request: Request) -> Response:
        """End the sign-in this token came from, with its access tokens, at once."""
        given = valid(serializers.RefreshInput, request)
        tokens.log_out(token=given["refresh"], now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class WhoAmI(ApiView):
    """The caller."""

    permission = SIGNED_IN
    needs_business = False

    @extend_schema(responses=serializers.Me)
    def get(self, request: Request) -> Response:
        """Return the user, their businesses with role, and the permissions in the one named."""
        caller = caller_of(request)
        mine = _businesses_of(caller)
        here = caller.business or (mine[0]["business"] if len(mine) == 1 else None)
        held = caller.permissions or (mine[0]["permissions"] if here and mine else ())
        body = {
            "user": caller.user,
            "api_key": caller.api_key and caller.api_key.pk,
            "platform_admin": caller.is_platform_admin,
            "business": here and here.pk,
            "permissions": sorted(held),
            "businesses": mine,
        }
        return Response(serializers.Me(body).data)


class Businesses(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    """The businesses of the caller; all of them for a platform admin.

    Each of its methods may read across businesses; what it gives out the caller's access limits.
    """

    permissions: ClassVar[dict[str, str]] = {
        "GET": SIGNED_IN,
        "POST": "businesses.create",
        "PATCH": SIGNED_IN,
    }
    needs_business = False
    serializer_class = serializers.BusinessOutput
    filterset_class = filters.BusinessFilter
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[Business]:
        """Return the businesses the caller may see."""
        caller = access.of(self.request._request)
        if caller is None:
            return Business.objects.none()
        if caller.is_platform_admin:
            return Business.objects.all()
        if caller.business is not None:
            return Business.objects.filter(pk=caller.business.pk)
        return Business.objects.filter(memberships__user=caller.user)

    @tenancy.across(Door.SIGN_IN)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a page of them."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=serializers.BusinessInput, responses={201: serializers.BusinessOutput})
    @tenancy.across(Door.PLATFORM)
    def create(self, request: Request) -> Response:
        """Open a business, with its first owner when one is named."""
        given = valid(serializers.BusinessInput, request)
        owner = _owner(given.pop("owner_email", None))
        business = businesses.open_(owner=owner, by=caller_of(request), **given)
        body = serializers.BusinessOutput(business).data
        return Response(body, status=status.HTTP_201_CREATED)

    @extend_schema(request=serializers.BusinessPatch, responses=serializers.BusinessOutput)
    @tenancy.across(Door.SIGN_IN)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change settings of the business; needs `businesses.manage` there."""
        business = self._required(pk, "businesses.manage")
        changes = valid(serializers.BusinessPatch, request)
        wanted = changes.pop("status", None)
        caller = caller_of(request)
        business_choice.require_active(replace(caller, business=business))
        if wanted is not None and not caller.allows("businesses.create"):
            raise NotAllowed("This needs the permission businesses.create.")
        with transaction.atomic():
            if changes:
                business = businesses.update(business=business, changes=changes, by=caller)
            if wanted is not None:
                now = timezone.now()
                business = businesses.move(business=business, status=wanted, by=caller, now=now)
        return Response(serializers.BusinessOutput(business).data)

    @tenancy.across(Door.SIGN_IN)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one business; needs `businesses.view` there."""
        business = self._required(kwargs["pk"], "businesses.view")
        return Response(serializers.BusinessOutput(business).data)

    def _required(self, pk: str, permission: str) -> Business:
        """Return the business if the caller holds the permission in it."""
        id_ = business_choice.parse_id(pk)
        business = self.get_queryset().filter(pk=id_).first() if id_ else None
        if business is None:
            raise NotFound("No such business.")
        caller = caller_of(self.request)
        # Who named no business was not asked for the second factor this one may demand.
        second_factor.require_enrolled(replace(caller, business=business))
        held = caller.permissions
        if caller.business is None and caller.user is not None:
            held = holdings.effective(caller.user, business)
        if permission not in held:
            raise NotAllowed(f"This needs the permission {permission}.")
        return business


class ApiKeys(ListModelMixin, ApiViewSet):
    """Keys of machines."""

    permissions: ClassVar[dict[str, str]] = {
        "GET": "api_keys.view",
        "POST": "api_keys.manage",
        "DELETE": "api_keys.manage",
    }
    queryset = ApiKey.across_businesses.none()
    serializer_class = serializers.ApiKeyOutput
    filterset_class = filters.ApiKeyFilter

    def get_queryset(self) -> QuerySet[ApiKey]:
        """Return the keys of the business."""
        rows: QuerySet[ApiKey] = ApiKey.objects.all()
        return rows

    @extend_schema(request=serializers.ApiKeyInput, responses={201: serializers.IssuedApiKey})
    def create(self, request: Request) -> Response:
        """Issue a key. Its secret is in this answer and nowhere else."""
        given = valid(serializers.ApiKeyInput, request)
        issued = api_keys.issue(by=caller_of(request), now=timezone.now(), **given)
        return _shown_once(issued)

    @extend_schema(request=None, responses={201: serializers.IssuedApiKey})
    def rotate(self, request: Request, pk: str) -> Response:
        """Replace a key by a new one with the same rights; the old one ends at once."""
        key = self._get(pk)
        issued = api_keys.rotate(api_key=key, by=caller_of(request), now=timezone.now())
        return _shown_once(issued)

    @extend_schema(responses=serializers.ApiKeyOutput)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one key."""
        return Response(serializers.ApiKeyOutput(self._get(pk)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Revoke a key at once."""
        api_keys.revoke(api_key=self._get(pk), by=caller_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _get(self, pk: str) -> ApiKey:
        id_ = business_choice.parse_id(pk)
        key = self.get_queryset().filter(pk=id_).first() if id_ else None
        if key is None:
            raise NotFound("No such API key.")
        return key


class Members(ListModelMixin, ApiViewSet):
    """The people of the business."""

    permissions: ClassVar[dict[str, str]] = {
        "GET": "users.view",
        "POST": "users.manage",
        "PATCH": "users.manage",
        "DELETE": "users.manage",
    }
    queryset = Membership.objects.none()
    serializer_class = serializers.MemberOutput
    filterset_class = filters.MemberFilter

    def get_queryset(self) -> QuerySet[Membership]:
        """Return the members of the business."""
        return members.list_members()

    @extend_schema(request=InvitationInput, responses={201: InvitationOutput})
    def create(self, request: Request) -> Response:
        """Ask a person to join with a role; they are a member once they accept.

        The same as `POST /api/invitations`. 409 `already_member`, `already_invited`.
        """
        return created(request)

    @extend_schema(responses=serializers.MemberOutput)
    def retrieve(self, request: Request, user_id: int) -> Response:
        """Return one member."""
        return Response(_member(members.get_member(user_id)))

    @extend_schema(request=serializers.RoleInput, responses=serializers.MemberOutput)
    def partial_update(self, request: Request, user_id: int) -> Response:
        """Give a member another role."""
        membership = members.get_member(user_id)
        role = valid(serializers.RoleInput, request)["role"]
        members.change_role(
            membership=membership, role=role, by=caller_of(request), now=timezone.now()
        )
        return Response(_member(members.get_member(user_id)))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, user_id: int) -> Response:
        """Remove a member; their account stays."""
        membership, caller = members.get_member(user_id), caller_of(request)
        members.remove(membership=membership, by=caller, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberSecondFactor(ApiView):
    """The second factor of a member."""

    permission = "users.manage"

    @extend_schema(responses={204: None})
    def delete(self, request: Request, user_id: int) -> Response:
        """Take a lost second factor off a member, who is signed out everywhere.

        403 `beyond_own_permissions` for who holds more than the caller or works elsewhere too,
        404 when there is none.
        """
        membership = members.get_member(user_id)
        second_factor.reset(membership=membership, by=caller_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _businesses_of(caller: Access) -> list[dict[str, Any]]:
    """List the caller's businesses with role; a platform admin's are found under /businesses."""
    if caller.user is None:
        return []
    with tenancy.across(Door.SIGN_IN):
        rows = Membership.objects.filter(user=caller.user).select_related("business")
        held = [
            (row.business, holdings.of_membership(row)) for row in rows.order_by("business__name")
        ]
    return [
        {
            "id": business.pk,
            "name": business.name,
            "status": business.status,
            "role": holding.role,
            "permissions": sorted(holding.permissions),
            "business": business,
        }
        for business, holding in held
    ]


def _owner(email: str | None) -> User | None:
    if email is None:
        return None
    owner = User.objects.find(email)
    if owner is None or not owner.is_active:
        raise InvalidInput("No active user has this e-mail.", attr="owner_email")
    return owner


def _shown_once(issued: api_keys.Issued) -> Response:
    context = {"secret": issued.secret}
    body = serializers.IssuedApiKey(issued.api_key, context=context).data
    return Response(body, status=status.HTTP_201_CREATED)


def _member(membership: Membership) -> dict[str, Any]:
    body: dict[str, Any] = serializers.MemberOutput(membership).data
    return body
