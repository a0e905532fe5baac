"""Members of the business: add, change role, grant beside the role, remove."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.password_validation import password_validators_help_texts
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import grants, holdings, members, roles
from accounts.models import Membership, Role
from config.lib.admin import Call, EmptyState, OperatorForm, Step, TenantAdmin, verb
from config.lib.admin.rendering import badge

_TONES = {"owner": "primary", "manager": "info", "agent": "success"}


class NewMemberForm(OperatorForm):
    """Who joins, and as what."""

    email = forms.EmailField(label="E-mail", help_text="They sign in with it.")
    name = forms.CharField(max_length=120, required=False)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.AGENT)
    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For someone who has no account yet: a first password, told to them by another "
        "way. Leave it empty for someone who has one. "
        + " ".join(password_validators_help_texts()),
    )

    def clean_password(self) -> str | None:
        """Read an empty password as none."""
        return self.cleaned_data["password"] or None


class RoleForm(OperatorForm):
    """Another role."""

    role = forms.ChoiceField(choices=Role.choices)

    def prepare(self) -> None:
        """Start from the role of today."""
        self.fields["role"].initial = self.obj.role


class GrantsForm(OperatorForm):
    """What a member may do beside their role."""

    permissions = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[(n, f"{n}: {t}") for n, t in roles.PERMISSIONS.items() if n in roles.GRANTABLE],
        help_text="Beside what the role gives. You can give and take only what you hold yourself.",
    )

    def prepare(self) -> None:
        """Tick what is granted today."""
        self.fields["permissions"].initial = sorted(holdings.of_membership(self.obj).granted)


@admin.register(Membership)
class MembershipAdmin(TenantAdmin[Membership]):
    """Who works here, and with which rights."""

    permissions: ClassVar[dict[str, str]] = {"view": "users.view"}
    is_small = True
    list_display = ("user", "email", "role_badge", "is_active", "created_at")
    list_select_related = ("user",)
    list_filter = ("role",)
    search_fields = ("user__email", "user__name")
    fields = ("user", "email", "role_badge", "held", "created_at")
    readonly_fields = fields
    actions_list = ("add_member",)
    actions_detail = ("change_role", "grant", "remove")
    empty_state = EmptyState(
        "Nobody works here yet",
        "Add the people who answer, send and look after this business.",
        icon="group_add",
        steps=(Step("Add a member", "admin:accounts_membership_add_member", "users.manage"),),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Return the members of the business in scope."""
        return members.list_members()

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

    @admin.display(description="may")
    def held(self, row: Membership) -> SafeString:
        """List every permission and where it comes from."""
        sources = holdings.of_membership(row).sources
        lines = ((name, ", ".join(why)) for name, why in sources.items())
        return format_html_join("", '<div><code class="sb-code">{}</code> ({})</div>', lines)

    @verb(
        "Add a member",
        permission="users.manage",
        icon="person_add",
        form=NewMemberForm,
        variant=ActionVariant.PRIMARY,
    )
    def add_member(self, call: Call) -> str:
        """Make someone a member."""
        added = members.add(by=call.by, **call.data)
        return f"{added.user} is a member now: {added.get_role_display().lower()}."

    @verb("Change role", permission="users.manage", icon="badge", form=RoleForm)
    def change_role(self, call: Call) -> str:
        """Give another role."""
        changed = members.change_role(membership=call.obj, role=call.data["role"], by=call.by)
        return f"{changed.user} is {changed.get_role_display().lower()} now."

    @verb(
        "Grant permissions",
        permission="permissions.manage",
        icon="key",
        form=GrantsForm,
        submit="Save",
    )
    def grant(self, call: Call) -> str:
        """Set what is granted beside the role."""
        wanted: list[Any] = call.data["permissions"]
        held = grants.put(membership=call.obj, permissions=wanted, by=call.by, now=call.now)
        return f"{call.obj.user} holds {len(held.granted)} permissions beside the role."

    @verb(
        "Remove",
        permission="users.manage",
        icon="person_remove",
        variant=ActionVariant.DANGER,
        confirm="They lose every right here at once. Their account, and what they did, stay.",
    )
    def remove(self, call: Call) -> Any:
        """End the membership."""
        members.remove(membership=call.obj, by=call.by, now=call.now)
        return self.back_to_list(call.request, f"{call.obj.user} is no member any more.")
