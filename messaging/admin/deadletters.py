"""Webhook events that could not be applied: why, the raw event, replay."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import access
from accounts.models import WhatsAppAccount
from config.lib.admin import Call, EmptyState, ReadOnlyAdmin, bulk, verb
from config.lib.admin.asking import is_platform_admin
from config.lib.admin.rendering import ago, badge, code, text_block
from messaging.webhooks import deadletters
from messaging.webhooks.models import DeadLetter

_REPLAY = "dead_letters.replay"
_LARGEST_SHOWN = 200_000
_ADVICE = {
    "not_json": "Something else than Meta posted with our secret, or the event was cut short. "
    "There is nothing to replay.",
    "unroutable": "Connect the WhatsApp account or number it names, then replay.",
    "unknown_message": "A message sent by another program, or before this number was moved here. "
    "Resolve it.",
    "error": "Read the detail. Replay once the cause is gone.",
}


class StateFilter(admin.SimpleListFilter):
    """Open ones unless others are asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer open and resolved."""
        return [("open", "Open"), ("resolved", "Resolved"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """Mark the open ones when nothing is chosen."""
        for value, label in self.lookup_choices:
            yield {
                "selected": (self.value() or "open") == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter]
    ) -> QuerySet[DeadLetter]:
        """Narrow to the state."""
        chosen = self.value() or "open"
        if chosen == "all":
            return queryset
        return queryset.filter(resolved_at__isnull=chosen == "open")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin[DeadLetter]):
    """Events of this business; those of nobody are a platform admin's."""

    permissions: ClassVar[dict[str, str]] = {"view": "dead_letters.view"}
    crosses_businesses = True
    list_display = ("received", "why", "detail", "attempts", "state")
    list_filter = (StateFilter, "reason")
    fields = ("received", "why", "advice", "detail", "attempts", "state", "event_id", "raw")
    readonly_fields = fields
    actions = ("replay_many", "resolve_many")
    actions_detail = ("replay", "resolve")
    empty_state = EmptyState(
        "Every event was applied",
        "An event of Meta's that cannot be applied is kept here with the reason, and can be "
        "replayed once the cause is gone.",
        icon="task_alt",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        """Return those of the business in scope, and to platform admins those of nobody."""
        caller = access.of(request)
        mine = Q(business=caller.business) if caller and caller.business else Q(pk=None)
        if is_platform_admin(request):
            mine |= Q(business=None)
        return super().get_queryset(request).filter(mine)

    @admin.display(description="received")
    def received(self, row: DeadLetter) -> str:
        """Show when it was put aside."""
        return ago(row.created_at, timezone.now())

    @admin.display(description="reason")
    def why(self, row: DeadLetter) -> SafeString:
        """Show why it could not be applied."""
        return badge(row.get_reason_display(), "danger" if row.reason == "error" else "warning")

    @admin.display(description="what to do")
    def advice(self, row: DeadLetter) -> str:
        """Say what helps."""
        return _ADVICE.get(row.reason, "")

    @admin.display(description="state")
    def state(self, row: DeadLetter) -> SafeString:
        """Show whether somebody dealt with it."""
        now = timezone.now()
        if row.resolved_at:
            return badge("Resolved", "success")
        if row.replayed_at:
            return badge(f"Replayed, {_plain(row.replayed_at, now)}", "info")
        return badge("Open", "warning")

    @admin.display(description="raw event")
    def raw(self, row: DeadLetter) -> SafeString:
        """Show what Meta posted: readable JSON, or the bytes as text."""
        body = deadletters.body_of(row)
        if body is None:
            return code("The raw event was archived.")
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            return text_block(_shortened(body.decode(errors="replace")))
        shown = event if row.business_id is None else _own_part(event, row.business_id)
        return text_block(_shortened(json.dumps(shown, indent=2, ensure_ascii=False)))

    @verb("Replay", permission=_REPLAY, icon="replay", variant=ActionVariant.PRIMARY)
    def replay(self, call: Call) -> str:
        """Have the event applied again."""
        deadletters.replay(call.obj, now=call.now)
        return "It is applied again in a moment; the letter closes once that works."

    @verb(
        "Resolve",
        permission=_REPLAY,
        icon="task_alt",
        when=lambda row: row.resolved_at is None,
    )
    def resolve(self, call: Call) -> str:
        """Put it aside."""
        deadletters.resolve([call.obj], now=call.now)
        return "Put aside: nothing is to be done."

    @bulk("Replay", permission=_REPLAY)
    def replay_many(self, call: Call, rows: QuerySet[DeadLetter]) -> str:
        """Have the events applied again."""
        letters = list(rows)
        due = deadletters.replay_many(letters, now=call.now)
        gone = len({letter.event_id for letter in letters}) - due
        return f"{due} events are applied again, {gone} are no longer stored."

    @bulk("Resolve", permission=_REPLAY)
    def resolve_many(self, call: Call, rows: QuerySet[DeadLetter]) -> str:
        """Put them aside."""
        return f"{deadletters.resolve(list(rows), now=call.now)} put aside."


def _own_part(event: Any, business_id: UUID) -> Any:
    """Leave out what the same post says about other businesses' accounts."""
    if not isinstance(event, dict) or not isinstance(event.get("entry"), list):
        return event
    accounts = WhatsAppAccount.across_businesses.filter(business_id=business_id)
    own = set(accounts.values_list("waba_id", flat=True))
    kept = [
        entry
        for entry in event["entry"]
        if isinstance(entry, dict) and str(entry.get("id", "")) in own
    ]
    return event | {"entry": kept}


def _shortened(text: str) -> str:
    return text if len(text) <= _LARGEST_SHOWN else f"{text[:_LARGEST_SHOWN]} …"


def _plain(at: Any, now: Any) -> str:
    minutes = int((now - at).total_seconds() // 60)
    return "a moment ago" if minutes < 1 else f"{minutes} min ago"
