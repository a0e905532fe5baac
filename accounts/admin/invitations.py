"""Invitations: who was asked to join, and what became of it."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import invitations
from accounts.models import Invitation
from config.lib.admin import Call, EmptyState, ReadOnlyAdmin, Step, verb
from config.lib.admin.rendering import ago, badge

_TONES = {"pending": "info", "accepted": "success", "declined": "warning", "expired": "warning"}


def _is_pending(row: Invitation) -> bool:
    return row.status == Invitation.Status.PENDING


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin[Invitation]):
    """People who were asked to join."""

    permissions: ClassVar[dict[str, str]] = {"view": "users.view"}
    is_small = True
    list_display = ("email", "role_name", "state", "mail", "ends", "invited_by")
    list_select_related = ("invited_by",)
    list_filter = ("status",)
    search_fields = ("email", "name")
    fields = ("email", "name", "role_name", "state", "mail", "ends", "invited_by", "created_at")
    readonly_fields = fields
    actions_detail = ("resend", "revoke")
    empty_state = EmptyState(
        "Nobody was invited yet",
        "People join by a link in a mail, and only once they accept.",
        icon="outgoing_mail",
        steps=(Step("Invite a person", "admin:accounts_membership_invite", "users.manage"),),
    )

    @admin.display(description="role")
    def role_name(self, row: Invitation) -> str:
        """Show the role offered."""
        return row.role.capitalize()

    @admin.display(description="state")
    def state(self, row: Invitation) -> SafeString:
        """Show what became of it."""
        state = invitations.state_of(row, timezone.now())
        word = "Expired" if state == "expired" else row.get_status_display()
        return badge(word, _TONES.get(state, "muted"))

    @admin.display(description="mail")
    def mail(self, row: Invitation) -> SafeString | str:
        """Show whether the mail left."""
        if row.mailed_at is not None:
            return ago(row.mailed_at, timezone.now())
        if row.mail_failures:
            return badge("Could not be sent", "danger", title="Check the address and EMAIL_URL.")
        return badge("Waiting", "muted") if _is_pending(row) else "—"

    @admin.display(description="ends")
    def ends(self, row: Invitation) -> SafeString | str:
        """Show when the link ends."""
        return ago(row.expires_at, timezone.now()) if _is_pending(row) else "—"

    @verb("Send again", permission="users.manage", icon="forward_to_inbox", when=_is_pending)
    def resend(self, call: Call) -> str:
        """Send another link; the old one ends."""
        invitations.resend(invitation=call.obj, by=call.by, now=call.now)
        return f"A new link is on its way to {call.obj.email}."

    @verb(
        "Take back",
        permission="users.manage",
        icon="cancel_schedule_send",
        variant=ActionVariant.DANGER,
        confirm="The link they got opens nothing any more.",
        when=_is_pending,
    )
    def revoke(self, call: Call) -> str:
        """End the link."""
        invitations.revoke(invitation=call.obj, by=call.by, now=call.now)
        return f"The invitation of {call.obj.email} is taken back."
