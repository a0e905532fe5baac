"""Members of the business: invite, change role, grant beside the role, sign out, remove."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import (
    grants,
    holdings,
    invitations,
    members,
    objects,
    roles,
    second_factor,
    sign_ins,
)
from accounts.admin.matrix import show_matrix
from accounts.models import Authenticator, Grant, Membership, Role
from accounts.objects import Target
from config.lib import moments
from config.lib.admin import Call, EmptyState, OperatorForm, Step, TenantAdmin, asking, verb
from config.lib.admin.rendering import ago, badge

OBJECTS_OFFERED = 100
_TONES = {"owner": "primary", "manager": "info", "agent": "success"}


class InviteForm(OperatorForm):
    """Whom to ask, and as what."""

    email = forms.EmailField(
        label="E-mail",
        help_text="They get a mail with a link that works for seven days, and join once they "
        "accept. Somebody new chooses a password through it.",
    )
    name = forms.CharField(max_length=120, required=False, help_text="For the greeting.")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.AGENT)


class RoleForm(OperatorForm):
    """Another role."""

    role = forms.ChoiceField(choices=Role.choices)

    def prepare(self) -> None:
        """Start from the role of today."""
        self.fields["role"].initial = self.obj.role


class GrantForm(OperatorForm):
    """What a member may do beside their role: for what, and until when."""

    about = forms.ChoiceField(
        label="For",
        help_text="The whole business, or one sender, campaign or contact list of it.",
    )
    permissions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        help_text="Beside what the role gives. You can give only what you hold yourself.",
    )
    expires_at = forms.DateTimeField(
        label="Until",
        required=False,
        widget=forms.DateTimeInput,
        help_text="In your business's time zone; it ends by itself. Empty: until taken back.",
    )

    def prepare(self) -> None:
        """Offer what the reader holds, and the newest objects of each kind."""
        access = getattr(self.request, "access", None)
        held = access.permissions if access else frozenset()
        names = self.fields["permissions"]
        if isinstance(names, forms.MultipleChoiceField):
            offered = held & roles.GRANTABLE
            names.choices = [(n, f"{n}: {t}") for n, t in roles.PERMISSIONS.items() if n in offered]
        about = self.fields["about"]
        if isinstance(about, forms.ChoiceField):
            about.choices = [("", "The whole business"), *_object_choices()]
            about.required = False

    def clean_about(self) -> Target | None:
        """Read the object that is named."""
        kind, _, id_ = self.cleaned_data["about"].partition(":")
        return objects.get_target(type=kind, id=id_) if id_ else None


class TakeForm(OperatorForm):
    """Which grants to take back."""

    grants = forms.TypedMultipleChoiceField(
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label="Take back",
        help_text="What the role gives stays. You can take only what you hold yourself.",
    )

    def prepare(self) -> None:
        """List what is granted today."""
        field = self.fields["grants"]
        if isinstance(field, forms.TypedMultipleChoiceField):
            field.choices = [(row.pk, _words_of(row)) for row in grants.list_rows(self.obj)]


def _object_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the newest objects of each kind, by kind."""
    found = []
    for kind in objects.kinds():
        rows = kind.model._default_manager.order_by("-pk")[:OBJECTS_OFFERED]
        choices = [(f"{kind.name}:{row.pk}", str(row)) for row in rows]
        found.append((f"One {kind.title}", choices))
    return [group for group in found if group[1]]


def _words_of(row: Grant) -> str:
    until = f", until {moments.text(row.expires_at)}" if row.expires_at else ""
    return f"{row.permission.codename} for {grants.describe(row)}{until}"


@admin.register(Membership)
class MembershipAdmin(TenantAdmin[Membership]):
    """Who works here, and with which rights."""

    permissions: ClassVar[dict[str, str]] = {"view": "users.view"}
    is_small = True
    list_display = ("user", "email", "role_badge", "is_active", "has_second_factor", "created_at")
    list_select_related = ("user",)
    list_filter = ("role",)
    search_fields = ("user__email", "user__name")
    fields = (
        "user",
        "email",
        "role_badge",
        "has_second_factor",
        "granted",
        "held",
        "places",
        "created_at",
    )
    readonly_fields = fields
    actions_list = ("invite",)
    actions_detail = (
        "change_role",
        "grant",
        "take_back",
        "sign_out",
        "reset_second_factor",
        "remove",
    )
    empty_state = EmptyState(
        "Nobody works here yet",
        "Invite the people who answer, send and look after this business.",
        icon="group_add",
        steps=(Step("Invite a person", "admin:accounts_membership_invite", "users.manage"),),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Return the members of the business in scope."""
        enrolled = Authenticator.objects.filter(user=OuterRef("user"), confirmed=True)
        return members.list_members().annotate(enrolled=Exists(enrolled))

    def get_urls(self) -> list[URLPattern]:
        """Add the matrix of roles."""
        view = self.admin_site.admin_view(self.roles_view)
        return [path("roles/", view, name="accounts_membership_roles"), *super().get_urls()]

    def roles_view(self, request: HttpRequest) -> TemplateResponse:
        """Show what each role may do."""
        asking.require(request, "permissions.view")
        return show_matrix(self, request)

    def history_id(self, obj: Membership) -> str:
        """Return the user's id: the trail is about people."""
        return str(obj.user_id)

    @admin.display(description="e-mail")
    def email(self, row: Membership) -> str:
        """Show the e-mail they sign in with."""
        return row.user.email

    @admin.display(description="role")
    def role_badge(self, row: Membership) -> SafeString:
        """Show the role."""
        return badge(row.get_role_display(), _TONES.get(row.role, "muted"))

    @admin.display(description="may sign in", boolean=True)
    def is_active(self, row: Membership) -> bool:
        """Tell whether the account is enabled."""
        return row.user.is_active

    @admin.display(description="second factor", boolean=True)
    def has_second_factor(self, row: Any) -> bool:
        """Tell whether signing in takes a code."""
        return bool(row.enrolled)

    @admin.display(description="may")
    def held(self, row: Membership) -> SafeString:
        """List what is held for the whole business and where it comes from."""
        held = holdings.of_membership(row)
        lines = ((name, held.sources[name][0]) for name in sorted(held.permissions))
        return format_html_join("", '<div><code class="sb-code">{}</code> ({})</div>', lines)

    @admin.display(description="granted beside the role")
    def granted(self, row: Membership) -> SafeString | str:
        """List what was granted, for what, until when and by whom."""
        lines = [
            (grant.permission.codename, grants.describe(grant), _end_of(grant), grant.given_by)
            for grant in grants.list_rows(row)
        ]
        if not lines:
            return "Nothing"
        code, by = '<code class="sb-code">{}</code>', '<span class="sb-muted">by {}</span>'
        return format_html_join("", f"<div>{code} for {{}}{{}} {by}</div>", lines)

    @admin.display(description="signed in")
    def places(self, row: Membership) -> SafeString | str:
        """List where the member is signed in."""
        now = timezone.now()
        lines = [
            (sign_ins.describe_agent(one.agent), one.address or "—", ago(one.seen_at, now))
            for one in sign_ins.list_open(row.user, now=now)[:20]
        ]
        text = '<div>{}, {} <span class="sb-muted">{}</span></div>'
        return format_html_join("", text, lines) if lines else "Nowhere"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave addresses to those who manage members."""
        fields = super().get_fields(request, obj)
        if asking.allows(request, "users.manage"):
            return fields
        return [name for name in fields if name != "places"]

    @verb(
        "Invite a person",
        permission="users.manage",
        icon="person_add",
        form=InviteForm,
        variant=ActionVariant.PRIMARY,
        submit="Send the invitation",
    )
    def invite(self, call: Call) -> Any:
        """Ask somebody to join."""
        made = invitations.invite(by=call.by, now=call.now, **call.data)
        flash.success(call.request, f"{made.email} is invited and joins once they accept.")
        return HttpResponseRedirect(reverse("admin:accounts_invitation_changelist"))

    @verb("Change role", permission="users.manage", icon="badge", form=RoleForm)
    def change_role(self, call: Call) -> str:
        """Give another role."""
        changed = members.change_role(
            membership=call.obj, role=call.data["role"], by=call.by, now=call.now
        )
        return f"{changed.user} is {changed.get_role_display().lower()} now."

    @verb("Grant", permission="permissions.manage", icon="key", form=GrantForm)
    def grant(self, call: Call) -> str:
        """Grant beside the role."""
        about: Target | None = call.data["about"]
        grants.give(
            membership=call.obj,
            permissions=call.data["permissions"],
            by=call.by,
            now=call.now,
            target=about,
            expires_at=call.data["expires_at"],
        )
        what = f"{about.kind.title} {about.title}" if about else "the whole business"
        return f"Granted to {call.obj.user} for {what}."

    @verb(
        "Take back",
        permission="permissions.manage",
        icon="key_off",
        form=TakeForm,
        submit="Take back",
        when=lambda row: grants.list_rows(row).exists(),
    )
    def take_back(self, call: Call) -> str:
        """Take back what was granted beside the role."""
        ids = call.data["grants"]
        taken = grants.take(membership=call.obj, grant_ids=ids, by=call.by, now=call.now)
        return f"{taken} taken back from {call.obj.user}, from the next request on."

    @verb(
        "Sign out",
        permission="users.manage",
        icon="logout",
        variant=ActionVariant.WARNING,
        confirm="Every browser and program they are signed in with is out at once. They may sign "
        "in again.",
    )
    def sign_out(self, call: Call) -> str:
        """End every sign-in of the member."""
        sign_ins.require_may_end(call.obj, by=call.by)
        keep = call.by.sign_in if call.by.user == call.obj.user else None
        ended = sign_ins.end_all(
            call.obj.user, now=call.now, reason="by_admin", by=call.by, keep=keep
        )
        return f"{call.obj.user} was signed out of {ended} places."

    @verb(
        "Reset second factor",
        permission="users.manage",
        icon="phonelink_erase",
        variant=ActionVariant.WARNING,
        confirm="For somebody who lost their phone and their recovery codes: be sure it is them. "
        "They are signed out everywhere and sign in with their password alone, until they set up "
        "another one.",
        when=lambda row: row.enrolled,
    )
    def reset_second_factor(self, call: Call) -> str:
        """Take a lost second factor off."""
        second_factor.reset(membership=call.obj, by=call.by, now=call.now)
        return f"{call.obj.user} has no second factor any more and is signed out everywhere."

    @verb(
        "Remove",
        permission="users.manage",
        icon="person_remove",
        variant=ActionVariant.DANGER,
        confirm="They lose every right here at once, and the API keys they made end. Their "
        "account, and what they did, stay.",
    )
    def remove(self, call: Call) -> Any:
        """End the membership."""
        members.remove(membership=call.obj, by=call.by, now=call.now)
        return self.back_to_list(call.request, f"{call.obj.user} is no member any more.")


def _end_of(grant: Grant) -> str:
    return f", until {moments.text(grant.expires_at)}" if grant.expires_at else ""
