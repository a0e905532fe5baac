"""Our phone numbers: the list, their limits, pauses, and a pull from Meta."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import audit
from config.lib.api.filters import require_known
from config.lib.api.views import ApiView, ApiViewSet
from config.lib.errors import InvalidInput, NotFound
from messaging.api.asking import allowed, caller_of, valid
from messaging.api.senders import filters, serializers
from messaging.senders import limits, numbers, pauses
from messaging.senders.models import Sender, SenderEvent
from messaging.sending import throttle, usage


class Senders(ListModelMixin, ApiViewSet):
    """The phone numbers of the business."""

    permissions: ClassVar[dict[str, str]] = {"GET": "senders.view", "PATCH": "senders.manage"}
    by_object = True
    queryset = Sender.objects.none()
    serializer_class = serializers.SenderOutput
    filterset_class = filters.SenderFilter

    def get_queryset(self) -> QuerySet[Sender]:
        """Return the numbers of the business the caller holds the permission for."""
        return _senders(self.request, self.permissions[self.request.method or "GET"])

    @extend_schema(responses=serializers.SenderOutput)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Return one number."""
        return Response(serializers.SenderOutput(self._get(pk)).data)

    @extend_schema(request=serializers.SenderPatch, responses=serializers.SenderOutput)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change limits, or make it the number used when none is named."""
        sender = self._get(pk)
        _change(request, sender, valid(serializers.SenderPatch, request))
        return Response(serializers.SenderOutput(sender).data)

    def _get(self, pk: UUID) -> Sender:
        found = self.get_queryset().filter(pk=pk).first()
        if found is None:
            raise NotFound("No such sender.")
        return found


class SenderSync(ApiView):
    """Pull from Meta."""

    permission = "senders.manage"

    @extend_schema(request=None, responses={202: serializers.SenderSyncOutput})
    def post(self, request: Request) -> Response:
        """Have the numbers of every account pulled, each by itself, within a minute or so."""
        ordered = numbers.order_sync_of_all()
        return Response({"accounts": ordered}, status=status.HTTP_202_ACCEPTED)


class RateLimit(ApiView):
    """Limits and how much of them is used."""

    permissions: ClassVar[dict[str, str]] = {
        "GET": "rate_limits.view",
        "PUT": "rate_limits.manage",
    }
    by_object = True

    @extend_schema(responses=serializers.RateLimitOutput(many=True))
    def get(self, request: Request) -> Response:
        """List every number with its limits, use, pause and what Meta says of it."""
        require_known(request, ())
        rows, now = _senders(request, "rate_limits.view"), timezone.now()
        found = [_standing(sender, now) for sender in rows.order_by("id")]
        return Response(serializers.RateLimitOutput(found, many=True).data)

    @extend_schema(request=serializers.RateLimitInput, responses=serializers.RateLimitOutput)
    def put(self, request: Request) -> Response:
        """Set the limits of one number."""
        given = valid(serializers.RateLimitInput, request)
        sender = _named(request, given.pop("sender"))
        _change(request, sender, given)
        return _standing_of(sender)


class Pause(ApiView):
    """Stop a number."""

    permission = "rate_limits.manage"
    by_object = True

    @extend_schema(request=serializers.PauseInput, responses=serializers.RateLimitOutput)
    def post(self, request: Request) -> Response:
        """Send nothing from a number until then, or until resumed; what is queued waits."""
        given = valid(serializers.PauseInput, request)
        sender, until = _named(request, given["sender"]), given.get("until")
        pauses.pause(sender, reason=given["reason"], until=until, now=timezone.now())
        _audit(request, "sender.paused", sender, {"reason": given["reason"]})
        return _standing_of(sender)


class Resume(ApiView):
    """Let a number go on."""

    permission = "rate_limits.manage"
    by_object = True

    @extend_schema(request=serializers.ResumeInput, responses=serializers.RateLimitOutput)
    def post(self, request: Request) -> Response:
        """Let a number send again and end its cooldown."""
        sender = _named(request, valid(serializers.ResumeInput, request)["sender"])
        pauses.resume(sender, now=timezone.now())
        _audit(request, "sender.resumed", sender, {})
        return _standing_of(sender)


class Reset(ApiView):
    """Count a number's use anew."""

    permission = "rate_limits.manage"
    by_object = True

    @extend_schema(request=serializers.ResumeInput, responses=serializers.RateLimitOutput)
    def post(self, request: Request) -> Response:
        """Forget the counters in memory; they are rebuilt from what was really sent."""
        sender = _named(request, valid(serializers.ResumeInput, request)["sender"])
        throttle.reset(sender)
        _audit(request, "sender.limits_reset", sender, {})
        return _standing_of(sender)


class SenderEvents(ListModelMixin, ApiViewSet):
    """What happened to the numbers."""

    permissions: ClassVar[dict[str, str]] = {"GET": "rate_limits.view"}
    by_object = True
    queryset = SenderEvent.objects.none()
    serializer_class = serializers.SenderEventOutput
    filterset_class = filters.SenderEventFilter

    def get_queryset(self) -> QuerySet[SenderEvent]:
        """Return the events of the business."""
        rows: QuerySet[SenderEvent] = SenderEvent.objects.select_related("sender")
        return allowed(self.request, "rate_limits.view", rows)


def _senders(request: Request, permission: str) -> QuerySet[Sender]:
    """Return the numbers the caller holds the permission for."""
    return allowed(request, permission, Sender.objects.select_related("account"))


def _named(request: Request, phone_number_id: str) -> Sender:
    rows = _senders(request, "rate_limits.manage")
    found = rows.filter(phone_number_id=phone_number_id).first()
    if found is None:
        raise InvalidInput("There is no such sender.", code="unknown_sender", attr="sender")
    return found


@transaction.atomic
def _change(request: Request, sender: Sender, changes: dict[str, Any]) -> None:
    by = caller_of(request).actor_name
    if limits.change(sender, changes=changes, by=by, now=timezone.now()):
        _audit(request, "sender.changed", sender, changes)


def _audit(request: Request, action: str, sender: Sender, details: dict[str, Any]) -> None:
    caller = caller_of(request)
    audit.record(
        action=action,
        resource="sender",
        resource_id=str(sender.pk),
        details=details,
        actor=caller.user,
        actor_name=caller.actor_name,
    )


def _standing_of(sender: Sender) -> Response:
    body = serializers.RateLimitOutput(_standing(sender, timezone.now())).data
    return Response(body)


def _standing(sender: Sender, now: datetime) -> dict[str, Any]:
    used = usage.of(sender, now=now)
    return {
        "sender": sender.phone_number_id,
        "per_second": sender.rate_per_second,
        "hour": used.hour,
        "day": used.day,
        "warning_percent": sender.warning_percent,
        "warning": used.warning,
        "paused": sender.is_paused_at(now),
        "pause_reason": sender.pause_reason,
        "paused_until": sender.paused_until,
        "cooldown_until": sender.cooldown_until,
        "messaging_limit": sender.account.messaging_limit,
        "quality": sender.quality,
    }
