"""Senders: health, limits, pause and resume; what happened to them."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import access
from compliance import audit
from config.lib.admin import (
    Call,
    EmptyState,
    OperatorForm,
    PeriodFilter,
    ReadOnlyAdmin,
    Step,
    TenantAdmin,
    asking,
    verb,
)
from config.lib.admin.rendering import ago, badge, link, tier
from messaging.senders import limits, numbers, pauses
from messaging.senders.models import Sender, SenderActivity, SenderEvent

_VIEW, _LIMITS = "senders.view", "rate_limits.manage"
_EVENTS_VIEW = "rate_limits.view"
_LATELY = "Lately"
_QUALITY = {"green": "success", "yellow": "warning", "red": "danger"}
_EVENTS = {
    "warning": "warning",
    "paused": "danger",
    "resumed": "success",
    "cooldown": "warning",
    "quality": "info",
    "limit": "info",
    "status": "info",
}


class PauseForm(OperatorForm):
    """Why, and for how long."""

    reason = forms.CharField(max_length=200, help_text="Everybody who wonders why will read it.")
    until = forms.DateTimeField(
        label="Until",
        required=False,
        widget=forms.DateTimeInput,
        help_text="In your business's time zone. Empty: until somebody resumes it.",
    )

    def clean_until(self) -> Any:
        """Refuse a time that is over."""
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError("This time is over.")
        return until


class SenderForm(forms.ModelForm[Sender]):
    """Our own limits, below Meta's."""

    class Meta:
        model = Sender
        fields = ("per_second", "per_hour", "per_day", "warning_percent", "is_default")
        help_texts = {
            "per_second": "Empty: as many as Meta allows this number.",
            "per_hour": "Empty: no limit of ours.",
            "per_day": "Empty: no limit of ours; Meta's tier still holds.",
            "warning_percent": "Warn when so much of a limit is used.",
            "is_default": "Used when a program or campaign names no sender.",
        }


@admin.register(Sender)
class SenderAdmin(TenantAdmin[Sender]):
    """Our phone numbers."""

    permissions: ClassVar[dict[str, str]] = {"view": _VIEW, "change": _LIMITS}
    by_object = True
    is_small = True
    form = SenderForm
    list_display = ("name", "phone", "state", "rating", "limit", "speed", "heard", "is_default")
    list_select_related = ("account", "activity")
    list_filter = ("quality", ("account", admin.RelatedOnlyFieldListFilter))
    search_fields = ("phone", "verified_name", "phone_number_id")
    readonly_fields = (
        "state",
        "rating",
        "limit",
        "speed",
        "heard",
        "account",
        "phone_number_id",
        "happened",
    )
    fieldsets = (
        (
            "Now",
            {
                "fields": (
                    "state",
                    "rating",
                    "limit",
                    "speed",
                    "heard",
                    "account",
                    "phone_number_id",
                )
            },
        ),
        (
            "Limits of ours",
            {
                "fields": ("per_second", "per_hour", "per_day", "warning_percent", "is_default"),
                "description": "They can only be below Meta's. What does not fit waits.",
            },
        ),
        (_LATELY, {"fields": ("happened",)}),
    )
    actions_list = ("sync",)
    actions_detail = ("pause", "resume")
    empty_state = EmptyState(
        "No senders yet",
        "Connect a WhatsApp account: its phone numbers are read from Meta and appear here with "
        "their quality and limits.",
        icon="call",
        steps=(
            Step("Connect an account", "admin:accounts_whatsappaccount_connect", "senders.manage"),
            Step("WhatsApp accounts", "admin:accounts_whatsappaccount_changelist", _VIEW),
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave what happened to those who may see the events."""
        found = super().get_fieldsets(request, obj)
        if asking.allows(request, _EVENTS_VIEW, obj):
            return found
        return [part for part in found if part[0] != _LATELY]

    @admin.display(description="name")
    def name(self, row: Sender) -> str:
        """Show the name people see."""
        return row.verified_name or row.phone

    @admin.display(description="state")
    def state(self, row: Sender) -> SafeString:
        """Show whether it sends, and why not."""
        now = timezone.now()
        if row.meta_status not in {"CONNECTED", "FLAGGED"}:
            word = row.meta_status.replace("_", " ").lower()
            return badge(f"Not connected: {word}", "danger")
        if row.is_paused_at(now):
            who = "by Meta" if row.paused_by_meta else "by an operator"
            return format_html("{} {}", badge(f"Paused {who}", "danger"), row.pause_reason)
        if row.is_cooling_at(now):
            return format_html(
                "{} {}", badge("Cooling down", "warning"), ago(row.cooldown_until, now)
            )
        return badge("Sending", "success")

    @admin.display(description="quality")
    def rating(self, row: Sender) -> SafeString:
        """Show what people make of its messages."""
        return badge(row.get_quality_display(), _QUALITY.get(row.quality, "muted"))

    @admin.display(description="messaging limit")
    def limit(self, row: Sender) -> str:
        """Show how many people may be written to in 24 hours."""
        return tier(row.account.messaging_limit)

    @admin.display(description="speed")
    def speed(self, row: Sender) -> str:
        """Show messages a second."""
        return f"{row.rate_per_second} a second"

    @admin.display(description="last webhook")
    def heard(self, row: Sender) -> str:
        """Show when Meta last spoke about it."""
        activity: SenderActivity | None = getattr(row, "activity", None)
        known = (
            [at for at in (activity.last_status_at, activity.last_inbound_at) if at]
            if activity
            else []
        )
        return ago(max(known, default=None), timezone.now())

    @admin.display(description="events")
    def happened(self, row: Sender) -> SafeString:
        """Show the last events and lead to all."""
        now = timezone.now()
        events = SenderEvent.objects.filter(sender=row).order_by("-id")[:10]
        lines = [
            format_html(
                '<div class="sb-row"><span>{} {}</span><span class="sb-muted">{}</span></div>',
                badge(event.get_kind_display(), _EVENTS.get(event.kind, "muted")),
                event.detail,
                ago(event.created_at, now),
            )
            for event in events
        ]
        url = reverse("admin:messaging_senderevent_changelist") + f"?sender__id__exact={row.pk}"
        lines.append(link(url, "All events"))
        return SafeString("".join(lines))

    def save_model(self, request: HttpRequest, obj: Sender, form: Any, change: bool) -> None:
        """Set the limits."""
        by = access.of(request)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        stored = Sender.objects.get(pk=obj.pk)
        who = by.actor_name if by else ""
        if limits.change(stored, changes=changes, by=who, now=timezone.now()):
            _record("sender.changed", obj, by, changes)

    @verb(
        "Sync from Meta",
        permission="senders.manage",
        icon="sync",
        variant=ActionVariant.PRIMARY,
    )
    def sync(self, call: Call) -> str:
        """Have the numbers of every account pulled."""
        count = numbers.order_sync_of_all()
        if not count:
            return "No account is connected: there is nothing to pull."
        accounts = "1 account" if count == 1 else f"{count} accounts"
        return f"The numbers of {accounts} are pulled from Meta now: open this page again soon."

    @verb(
        "Pause",
        permission=_LIMITS,
        icon="pause_circle",
        form=PauseForm,
        variant=ActionVariant.WARNING,
        when=lambda row: row.paused_at is None,
    )
    def pause(self, call: Call) -> str:
        """Stop sending; what is queued waits."""
        reason, until = call.data["reason"], call.data["until"]
        pauses.pause(call.obj, reason=reason, until=until, now=call.now)
        _record("sender.paused", call.obj, call.by, {"reason": reason})
        return "Paused. What is queued waits."

    @verb(
        "Resume",
        permission=_LIMITS,
        icon="play_circle",
        variant=ActionVariant.SUCCESS,
        when=lambda row: row.paused_at is not None or row.cooldown_until is not None,
    )
    def resume(self, call: Call) -> str:
        """Send again."""
        pauses.resume(call.obj, now=call.now)
        _record("sender.resumed", call.obj, call.by, {})
        return "Sending goes on."


@admin.register(SenderEvent)
class SenderEventAdmin(ReadOnlyAdmin[SenderEvent]):
    """Warnings, pauses, cooldowns and changes, each with its cause."""

    permissions: ClassVar[dict[str, str]] = {"view": _EVENTS_VIEW}
    by_object = True
    list_display = ("created_at", "sender", "what", "detail")
    list_select_related = ("sender",)
    list_filter = (PeriodFilter, "kind", ("sender", admin.RelatedOnlyFieldListFilter))
    fields = ("created_at", "sender", "what", "detail")
    readonly_fields = fields
    empty_state = EmptyState(
        "Nothing happened in this time",
        "Warnings of limits, pauses, cooldowns and changes of quality appear here by themselves.",
        icon="monitor_heart",
    )

    @admin.display(description="event")
    def what(self, row: SenderEvent) -> SafeString:
        """Show the kind of event."""
        return badge(row.get_kind_display(), _EVENTS.get(row.kind, "muted"))


def _record(action: str, sender: Sender, by: Any, details: dict[str, Any]) -> None:
    audit.record(
        action=action,
        resource="sender",
        resource_id=str(sender.pk),
        details=details,
        actor=by.user if by else None,
        actor_name=by.actor_name if by else "",
    )
