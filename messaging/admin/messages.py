"""Messages: the list of a period, and one message's story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.enums import ActionVariant

from config.lib import addresses, moments
from config.lib.admin import Call, EmptyState, PeriodFilter, ReadOnlyAdmin, Step, asking, bulk, verb
from config.lib.admin.rendering import badge
from messaging.admin import pages
from messaging.campaigns.models import Campaign
from messaging.contacts import people
from messaging.errors import SENTENCES, Refusal
from messaging.inbox import bubbles
from messaging.messages import history
from messaging.messages.models import Message, MessageEvent
from messaging.meta.errors import describe
from messaging.senders.models import Sender
from messaging.sending import reconcile, request, retry

Status = Message.Status

TONES: Final[Mapping[str, str]] = {
    Status.SENT: "primary",
    Status.DELIVERED: "success",
    Status.READ: "info",
    Status.FAILED: "danger",
    Status.UNKNOWN: "warning",
    Status.SKIPPED: "warning",
    Status.RECEIVED: "info",
}
# A status that came this long after Meta says it happened is worth a word.
LATE: Final = timedelta(minutes=1)
_OFFERED: Final = 50


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a message's story."""

    title: str
    tone: str
    at: datetime
    by: str
    detail: str = ""
    arrived_late: timedelta | None = None
    advice: str = ""
    code: int | None = None


class SenderFilter(admin.SimpleListFilter):
    """Messages of one number of ours."""

    title = "number"
    parameter_name = "sender"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the numbers whose messages the reader may see."""
        rows = _seen(request, Sender.objects.order_by("pk"))
        return [(str(one.pk), str(one)) for one in rows[:_OFFERED]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Narrow to the number."""
        return _narrowed(queryset, "sender_id", self.value(), Sender)


class CampaignFilter(admin.SimpleListFilter):
    """Messages of one campaign."""

    title = "campaign"
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the newest campaigns whose messages the reader may see."""
        rows = _seen(request, Campaign.objects.order_by("-pk"))
        return [(str(one.pk), one.name) for one in rows[:_OFFERED]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Narrow to the campaign."""
        return _narrowed(queryset, "campaign_id", self.value(), Campaign)


class ErrorFilter(admin.SimpleListFilter):
    """Failures with one code of Meta's; offered while one is chosen (the dashboard leads here)."""

    title = "error"
    parameter_name = "error"

    def has_output(self) -> bool:
        """Always read the parameter."""
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the code that is chosen."""
        code = request.GET.get(self.parameter_name, "")
        return [(code, describe(int(code)).title)] if _is_code(code) else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Narrow to the code."""
        code = self.value()
        return queryset.filter(error_code=int(code)) if code and _is_code(code) else queryset


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    """Every message in either direction, by period; nothing is counted."""

    permissions: ClassVar[Mapping[str, str]] = {"view": "messages.view"}
    by_object = True
    list_display = ("at", "who", "says", "state", "sender")
    list_filter = (
        PeriodFilter,
        "status",
        "direction",
        SenderFilter,
        CampaignFilter,
        ErrorFilter,
    )
    search_fields = ("wamid__exact",)
    search_help_text = "A phone number in any spelling, a Meta user id, or Meta's message id."
    list_select_related = ("sender", "contact", "template")
    actions: Any = ("retry_chosen",)
    actions_detail = ("cancel", "retry", "resend")
    empty_state = EmptyState(
        title="No messages in this period",
        text="Messages appear here as soon as a campaign runs, somebody writes to you, or you "
        "answer. Look at a longer period, or start a campaign.",
        icon="chat",
        steps=(
            Step("New campaign", "admin:messaging_campaign_add", "messages.bulk_send", "campaign"),
        ),
    )

    # the list

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        """Find by a person's address in any spelling, or by Meta's id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        region = pages.business_of(request).region or None
        try:
            found = addresses.Address.parse(term, region=region)
        except addresses.InvalidAddress:
            return queryset.filter(wamid=term), False
        contact = people.find(found.value)
        return queryset.filter(Q(contact=contact) if contact else Q(pk__in=[])), False

    @admin.display(description="When")
    def at(self, message: Message) -> str:
        """Show Meta's time, else ours."""
        return moments.short(bubbles.moment_of(message), with_seconds=True)

    @admin.display(description="Who")
    def who(self, message: Message) -> str:
        """Show the person and the direction."""
        arrow = "→" if message.direction == Message.Direction.OUTBOUND else "←"
        return f"{arrow} {message.contact}"

    @admin.display(description="Message")
    def says(self, message: Message) -> str:
        """Show the beginning of it."""
        line = bubbles.words_of(message, message.template).line
        return line if len(line) <= 70 else f"{line[:69]}…"

    @admin.display(description="Status")
    def state(self, message: Message) -> str:
        """Show the status and, for a failure, why."""
        title = _reason(message)
        return badge(message.get_status_display(), TONES.get(message.status, "muted"), title=title)

    @bulk("Try again", permission="messages.retry")
    def retry_chosen(self, call: Call, rows: QuerySet[Message]) -> str:
        """Queue those that may succeed now."""
        done = retry.many(rows, now=call.now, by=call.by.actor_name)
        refused = ", ".join(
            f"{count} {reason.replace('_', ' ')}" for reason, count in done.not_retryable.items()
        )
        return f"{done.requeued} queued" + (f", not: {refused}." if refused else ".")

    # one message

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the message as the person sees it, its story, and what to do about a failure."""
        asking.require_some(request, "messages.view")
        links = ("sender", "contact", "template", "campaign", "created_by")
        rows = Message.objects.select_related(*links)
        message: Message = pages.find_allowed(request, rows, object_id, "messages.view")
        return pages.show(
            self,
            request,
            "message",
            title=f"{message.get_direction_display()} message",
            original=message,
            message=message,
            bubble=bubbles.draw([message])[0],
            tone=_css(TONES.get(message.status, "muted")),
            moments=_story(message),
            refusal=retry.find_refusal(message, now=timezone.now()),
            advice=_advice(message),
            verbs=self._verbs(request, message),
            error_title=_reason(message),
        )

    def _verbs(self, request: HttpRequest, message: Message) -> list[str]:
        names = ("cancel", "retry", "resend")
        return [name for name in names if getattr(self, name).verb.is_open_to(request, message)]

    @verb(
        "Cancel",
        permission="messages.send",
        icon="cancel",
        confirm="The message is taken out of the queue and never sent.",
        when=lambda message: message.status in {Status.QUEUED, Status.SCHEDULED},
    )
    def cancel(self, call: Call) -> str:
        """Take a message back that has not left."""
        request.cancel(call.obj, now=call.now, by=call.by.user)
        return "The message is cancelled."

    @verb(
        "Try again",
        permission="messages.retry",
        icon="refresh",
        when=lambda message: message.is_retryable,
    )
    def retry(self, call: Call) -> str:
        """Queue a failed message again; a refusal says why that cannot help."""
        retry.one(call.obj, now=call.now, by=call.by.actor_name)
        return "The message is queued again."

    @verb(
        "Send again",
        permission="messages.retry",
        icon="warning",
        variant=ActionVariant.DANGER,
        confirm="Meta never answered, so the message may have arrived already. If you send it "
        "again and it did, the person gets it twice. A late status from Meta would have settled "
        "it by itself: send again only if you know that it did not arrive.",
        submit="Send again, I know the risk",
        when=lambda message: message.status == Status.UNKNOWN,
    )
    def resend(self, call: Call) -> str:
        """Queue a message whose outcome is unknown."""
        reconcile.resend(call.obj, now=call.now, by=call.by.actor_name)
        return "The message is queued again."


def _is_code(text: str) -> bool:
    """Tell whether this can be a code of Meta's: a whole number the database holds."""
    return text.isdecimal() and len(text) < 10


def _seen(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    seen: QuerySet[Any] = pages.caller(request).limit("messages.view", rows)
    return seen


def _narrowed(
    queryset: QuerySet[Message], field: str, value: str | None, model: Any
) -> QuerySet[Message]:
    if not value:
        return queryset
    return queryset.filter(**{field: pages.find(model.objects.all(), value).pk})


def _reason(message: Message) -> str:
    if message.error_code is not None:
        return f"{describe(message.error_code).title} ({message.error_code})"
    if message.error_reason in list(Refusal):
        return SENTENCES[Refusal(message.error_reason)]
    return message.error_title or message.error_reason.replace("_", " ")


def _advice(message: Message) -> str:
    if message.status == Status.UNKNOWN:
        return (
            "Meta never answered. A late status settles it; until then nobody can know whether "
            "the message arrived."
        )
    if message.status not in {Status.FAILED, Status.SKIPPED} or message.error_code is None:
        return ""
    return describe(message.error_code).advice


def _story(message: Message) -> list[Moment]:
    """Return what happened, by Meta's time; the log leaves out that a message was handed over."""
    told = list(history.of(message.pk))
    moments = [_moment(one) for one in told]
    has_sent = any(one.status == Status.SENT for one in told)
    if message.sent_at and not has_sent and message.direction == Message.Direction.OUTBOUND:
        moments.append(Moment("Taken by Meta", "info", message.sent_at, "Sending"))
    return sorted(moments, key=_order)


def _order(moment: Moment) -> tuple[datetime, bool]:
    """Order by Meta's time, which is in seconds: within one, what we did comes first."""
    return moment.at.replace(microsecond=0), moment.by != "Sending"


def _moment(event: MessageEvent) -> Moment:
    error = event.error or {}
    code = error.get("code")
    late = event.recorded_at - event.occurred_at
    detail = event.detail or error.get("details") or error.get("title") or ""
    return Moment(
        title=_title(event, code),
        tone=_css(TONES.get(event.status, "muted")),
        at=event.occurred_at,
        by=event.get_source_display(),
        detail=str(detail),
        arrived_late=late if late > LATE else None,
        advice=describe(code).advice if isinstance(code, int) else "",
        code=code if isinstance(code, int) else None,
    )


def _title(event: MessageEvent, code: object) -> str:
    known = dict(Status.choices).get(event.status)
    title = str(known) if known else event.status.replace("_", " ").capitalize()
    return f"{title}: {describe(code).title}" if isinstance(code, int) else title


def _css(tone: str) -> str:
    return {"danger": "bad", "success": "good", "warning": "warn", "info": "info"}.get(tone, "")
