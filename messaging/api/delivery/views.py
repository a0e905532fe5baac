"""Delivery: the report, a message's events, trying failed messages again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib.api.filters import require_known
from config.lib.api.views import ApiView
from config.lib.errors import InvalidInput
from messaging.api.asking import caller_of, valid, valid_query
from messaging.api.delivery import serializers
from messaging.api.messages.serializers import MessageOutput
from messaging.campaigns.models import Campaign
from messaging.messages import delivery, history, reading
from messaging.messages.delivery import Group
from messaging.messages.models import Message
from messaging.senders.models import Sender
from messaging.sending import reconcile, retry
from templates_mgmt.models import Template

USUAL: Final = timedelta(days=7)
MOST_RETRIED: Final = 2000


class Report(ApiView):
    """What became of the messages of a period."""

    permission = "messages.view"

    @extend_schema(
        operation_id="delivery_report",
        parameters=[serializers.ReportQuery, OpenApiParameter("limit", exclude=True)],
        responses=serializers.DeliveryReportOutput,
    )
    def get(self, request: Request) -> Response:
        """Count outgoing messages by outcome, by day, sender, template or campaign.

        A period has at most 92 days. Messages count in the period they were asked for.
        """
        query = serializers.ReportQuery()
        require_known(request, query.fields)
        given = valid_query(serializers.ReportQuery, request)
        period = _period(request, given)
        by = Group(given["by"])
        found = delivery.report(period=period, by=by, only=_only(given))
        body = {
            "from": period.start,
            "to": period.end,
            "by": by.value,
            "tz": period.time_zone,
            "total": found.total,
            "groups": found.groups,
            "top_errors": found.errors,
        }
        labels = _labels(by, [str(one.key) for one in found.groups])
        output = serializers.DeliveryReportOutput(body, context={"labels": labels})
        return Response(output.data)


class Events(ApiView):
    """What happened to one message."""

    permission = "messages.view"

    @extend_schema(responses=serializers.MessageEventsOutput)
    def get(self, request: Request, message_id: UUID) -> Response:
        """List every status event with its time, source and Meta's error as it came."""
        message = reading.get(message_id)
        body = {
            "message": message.pk,
            "status": message.status,
            "events": history.story(message),
        }
        return Response(serializers.MessageEventsOutput(body).data)


class RetryMany(ApiView):
    """Failed messages, tried again."""

    permission = "messages.retry"

    @extend_schema(request=serializers.RetryInput, responses=serializers.RetryOutput)
    def post(self, request: Request) -> Response:
        """Queue every failed message that may succeed now, the newest 2,000 at once."""
        given = valid(serializers.RetryInput, request)
        failed = _failed(given)[: MOST_RETRIED + 1]
        messages = list(failed)
        done = retry.many(
            messages[:MOST_RETRIED], now=timezone.now(), by=caller_of(request).actor_name
        )
        body = {
            "requeued": done.requeued,
            "not_retryable": done.not_retryable,
            "more": len(messages) > MOST_RETRIED,
        }
        return Response(serializers.RetryOutput(body).data)


class RetryOne(ApiView):
    """One failed message, tried again."""

    permissions: ClassVar[dict[str, str]] = {"PUT": "messages.retry"}

    @extend_schema(request=serializers.RetryOneInput, responses=MessageOutput)
    def put(self, request: Request, message_id: UUID) -> Response:
        """Queue one failed message again; else 409 `not_retryable` with the reason.

        One whose outcome is unknown is sent again only with `may_duplicate`.
        """
        given = valid(serializers.RetryOneInput, request)
        message = reading.get(message_id)
        now, by = timezone.now(), caller_of(request).actor_name
        if message.status != Message.Status.UNKNOWN:
            retry.one(message, now=now, by=by)
        elif given["may_duplicate"]:
            reconcile.resend(message, now=now, by=by)
        else:
            raise retry.NotRetryable(
                "It may have arrived: say `may_duplicate` to send it again.",
                extra={"reason": "outcome_unknown"},
            )
        return Response(MessageOutput(reading.get(message_id)).data)


def _period(request: Request, given: dict[str, Any]) -> delivery.Period:
    end: datetime = given.get("to") or timezone.now()
    business = caller_of(request).business
    try:
        start = given.get("from") or end - USUAL
    except OverflowError as error:
        raise InvalidInput("The period is out of range.", attr="to") from error
    zone = given.get("tz") or (business.time_zone if business else "UTC")
    return delivery.Period(start, end, zone)


def _only(given: dict[str, Any]) -> dict[str, UUID]:
    only = {f"{name}_id": given[name] for name in ("template", "campaign") if name in given}
    if "sender" in given:
        only["sender_id"] = _sender(given["sender"]).pk
    return only


def _sender(phone_number_id: str) -> Sender:
    found: Sender | None = Sender.objects.filter(phone_number_id=phone_number_id).first()
    if found is None:
        raise InvalidInput("There is no such sender.", code="unknown_sender", attr="sender")
    return found


def _labels(by: Group, keys: list[str]) -> dict[str, str]:
    model: Any = {Group.SENDER: Sender, Group.TEMPLATE: Template, Group.CAMPAIGN: Campaign}.get(by)
    if model is None:
        return {}
    return {str(one.pk): str(one) for one in model.objects.filter(pk__in=keys)}


def _failed(given: dict[str, Any]) -> QuerySet[Message]:
    """Return failed messages newest first, found by the index of failures."""
    rows: QuerySet[Message] = Message.objects.filter(
        failed_at__isnull=False,
        status=Message.Status.FAILED,
        direction=Message.Direction.OUTBOUND,
    )
    if "sender" in given:
        rows = rows.filter(sender=_sender(given["sender"]))
    for name in ("campaign", "template"):
        if name in given:
            rows = rows.filter(**{f"{name}_id": given[name]})
    for name in ("error_code", "failed_at__gte", "failed_at__lt"):
        if name in given:
            rows = rows.filter(**{name: given[name]})
    return rows.only("id").order_by("-failed_at", "-id")
