"""WhatsApp accounts: connect, rotate the token, test."""

from __future__ import annotations

from typing import ClassVar

from django import forms
from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import credentials
from accounts.models import WhatsAppAccount
from config.lib.admin import Call, EmptyState, OperatorForm, Step, TenantAdmin, verb
from config.lib.admin.rendering import ago, badge, tier
from config.lib.errors import InvalidInput

_TONES = {"valid": "success", "invalid": "danger"}


def _token_field(help_text: str) -> forms.CharField:
    return forms.CharField(
        label="Access token",
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=help_text,
    )


class ConnectForm(OperatorForm):
    """What Meta needs to know us by."""

    waba_id = forms.RegexField(
        r"^[0-9]{1,32}$",
        label="WhatsApp Business account id",
        help_text="WhatsApp Manager, Account tools, under the account's name. Digits only.",
    )
    access_token = _token_field(
        "Of a system user with whatsapp_business_messaging and whatsapp_business_management. "
        "Kept encrypted and never shown again."
    )
    name = forms.CharField(
        max_length=120, required=False, help_text="Empty: the name it has at Meta."
    )


class TokenForm(OperatorForm):
    """A new token."""

    access_token = _token_field(
        "Checked with Meta first; the old token stays until Meta accepts this one."
    )


@admin.register(WhatsAppAccount)
class WhatsAppAccountAdmin(TenantAdmin[WhatsAppAccount]):
    """The accounts at Meta this business speaks through."""

    permissions: ClassVar[dict[str, str]] = {"view": "senders.view"}
    is_small = True
    list_display = ("name", "waba_id", "token", "checked", "limit", "restricted")
    search_fields = ("name", "waba_id")
    fields = (
        "name",
        "waba_id",
        "portfolio_id",
        "token",
        "checked",
        "limit",
        "restricted",
        "created_at",
    )
    readonly_fields = fields
    actions_list = ("connect",)
    actions_detail = ("test", "rotate")
    change_form_outer_after_template = "admin/whatsapp_account.html"
    empty_state = EmptyState(
        "No WhatsApp account yet",
        "Connect one with its id and an access token. Its phone numbers and templates are then "
        "read from Meta, and its webhooks subscribed to.",
        icon="hub",
        steps=(
            Step("Connect an account", "admin:accounts_whatsappaccount_connect", "senders.manage"),
        ),
    )

    @admin.display(description="access token")
    def token(self, row: WhatsAppAccount) -> SafeString:
        """Show whether Meta accepts the token, never the token."""
        if not row.access_token:
            return badge("Missing", "danger")
        return badge(row.get_token_health_display(), _TONES.get(row.token_health, "muted"))

    @admin.display(description="checked")
    def checked(self, row: WhatsAppAccount) -> str:
        """Show when Meta was last asked."""
        return ago(row.token_checked_at, timezone.now())

    @admin.display(description="messaging limit")
    def limit(self, row: WhatsAppAccount) -> str:
        """Show how many people may be written to in 24 hours."""
        return tier(row.messaging_limit)

    @admin.display(description="at Meta")
    def restricted(self, row: WhatsAppAccount) -> SafeString:
        """Show a restriction of Meta's."""
        if row.restricted_at is None:
            return badge("In good standing", "success")
        return badge("Restricted", "danger", title=row.restriction)

    @verb(
        "Connect an account",
        permission="senders.manage",
        icon="add_link",
        form=ConnectForm,
        variant=ActionVariant.PRIMARY,
        in_steps=True,
    )
    def connect(self, call: Call) -> str:
        """Connect an account once Meta accepts the token."""
        account = credentials.connect(
            by=call.by, now=call.now, keep_rights=call.keep_rights, **call.data
        )
        return f"{account} is connected. Its numbers and templates arrive within a minute."

    @verb(
        "Test connection",
        permission="senders.manage",
        icon="network_check",
        in_steps=True,
    )
    def test(self, call: Call) -> str:
        """Ask Meta whether it accepts the token."""
        health = credentials.check(account=call.obj, now=call.now, keep_rights=call.keep_rights)
        if health != WhatsAppAccount.TokenHealth.VALID:
            raise InvalidInput(
                "Meta does not accept the token. Issue a new one and rotate it here."
                if health == WhatsAppAccount.TokenHealth.INVALID
                else "Meta could not be asked. Try again in a minute."
            )
        return "Meta accepts the token."

    @verb(
        "Rotate token",
        permission="senders.manage",
        icon="autorenew",
        form=TokenForm,
        in_steps=True,
    )
    def rotate(self, call: Call) -> str:
        """Speak for the account with another token."""
        credentials.rotate(
            account=call.obj, by=call.by, now=call.now, keep_rights=call.keep_rights, **call.data
        )
        return "The new token is in use."
