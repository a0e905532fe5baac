"""Every person who may sign in: for platform admins."""

from __future__ import annotations

from typing import ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.password_validation import password_validators_help_texts
from unfold.enums import ActionVariant

from accounts import second_factor, users
from accounts.models import User
from config.lib.admin import Call, OperatorForm, PlatformAdmin, verb


class PasswordForm(OperatorForm):
    """A new password."""

    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=" ".join(password_validators_help_texts()),
    )


@admin.register(User)
class UserAdmin(PlatformAdmin[User]):
    """People across all businesses."""

    permissions: ClassVar[dict[str, str]] = {"view": ""}
    list_display = ("email", "name", "is_active", "is_superuser", "last_login", "created_at")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_superuser", "last_login", "created_at")
    readonly_fields = fields
    actions_detail = (
        "set_password",
        "reset_second_factor",
        "disable",
        "enable",
        "promote",
        "demote",
    )

    @verb(
        "Set password",
        permission="",
        is_for_platform=True,
        icon="password",
        form=PasswordForm,
    )
    def set_password(self, call: Call) -> str:
        """Give a password."""
        users.set_password(user=call.obj, password=call.data["password"], by=call.by, now=call.now)
        return f"{call.obj} has a new password and was signed out everywhere."

    @verb(
        "Disable",
        permission="",
        is_for_platform=True,
        icon="block",
        variant=ActionVariant.DANGER,
        confirm="They cannot sign in any more and their tokens end at once.",
        when=lambda row: row.is_active,
    )
    def disable(self, call: Call) -> str:
        """Close the account."""
        users.disable(user=call.obj, by=call.by, now=call.now)
        return f"{call.obj} cannot sign in any more."

    @verb(
        "Enable",
        permission="",
        is_for_platform=True,
        icon="check_circle",
        when=lambda row: not row.is_active,
    )
    def enable(self, call: Call) -> str:
        """Open the account again."""
        users.enable(user=call.obj, by=call.by)
        return f"{call.obj} may sign in again."

    @verb(
        "Reset second factor",
        permission="",
        is_for_platform=True,
        icon="phonelink_erase",
        variant=ActionVariant.WARNING,
        confirm="For somebody who lost their phone and their recovery codes: be sure it is them. "
        "They are signed out everywhere and sign in with their password alone.",
        when=second_factor.is_enrolled,
    )
    def reset_second_factor(self, call: Call) -> str:
        """Take a lost second factor off."""
        second_factor.reset_any(user=call.obj, by=call.by, now=call.now)
        return f"{call.obj} has no second factor any more and is signed out everywhere."

    @verb(
        "Make platform admin",
        permission="",
        is_for_platform=True,
        icon="shield_person",
        variant=ActionVariant.WARNING,
        confirm="They may do everything in every business.",
        when=lambda row: not row.is_superuser,
    )
    def promote(self, call: Call) -> str:
        """Give everything."""
        users.set_platform_admin(user=call.obj, is_admin=True, by=call.by, now=call.now)
        return f"{call.obj} is a platform admin now."

    @verb(
        "No platform admin any more",
        permission="",
        is_for_platform=True,
        icon="remove_moderator",
        confirm="They keep the roles they have in businesses.",
        when=lambda row: row.is_superuser,
    )
    def demote(self, call: Call) -> str:
        """Take everything but their roles."""
        users.set_platform_admin(user=call.obj, is_admin=False, by=call.by, now=call.now)
        return f"{call.obj} is no platform admin any more."
