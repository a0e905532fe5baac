"""The numbers as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.lib.api.fields import Instant


class MessageCountsOutput(serializers.Serializer[Any]):
    """How many messages got how far, and the rates."""

    queued = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    read = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    unknown = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    received = serializers.IntegerField()
    delivery_rate = serializers.FloatField(allow_null=True, help_text="Delivered of sent.")
    read_rate = serializers.FloatField(allow_null=True, help_text="Read of delivered.")
    failure_rate = serializers.FloatField(allow_null=True, help_text="Failed of sent or failed.")


class PeriodOutput(serializers.Serializer[Any]):
    """The hours the numbers are of: from `start` until before `end`."""

    start = Instant()
    end = Instant()
    tz = serializers.CharField()
    granularity = serializers.CharField()


class ComparedOutput(serializers.Serializer[Any]):
    """The same numbers one period earlier."""

    start = Instant()
    end = Instant()
    totals = MessageCountsOutput()


class BucketOutput(MessageCountsOutput):
    """One bucket of a chart."""

    at = serializers.DateTimeField(help_text="When the bucket starts, in the zone asked for.")


class FailureOutput(serializers.Serializer[Any]):
    """A reason why messages failed or were skipped."""

    status = serializers.CharField()
    code = serializers.IntegerField(allow_null=True, help_text="Meta's code.")
    reason = serializers.CharField()
    title = serializers.CharField()
    advice = serializers.CharField()
    count = serializers.IntegerField()


class SenderFiguresOutput(MessageCountsOutput):
    """The numbers of one sender."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    phone = serializers.CharField()


class TemplateFiguresOutput(MessageCountsOutput):
    """The numbers of one template."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    language = serializers.CharField()
    category = serializers.CharField()


class CellOutput(MessageCountsOutput):
    """One hour of the week."""

    weekday = serializers.IntegerField(help_text="1 is Monday.")
    hour = serializers.IntegerField()


class OverviewOutput(serializers.Serializer[Any]):
    """What happened, at a glance."""

    period = PeriodOutput()
    totals = MessageCountsOutput()
    failures = FailureOutput(many=True)
    previous = ComparedOutput(allow_null=True)


class WhatsAppOutput(OverviewOutput):
    """Messages of a period: totals, chart, reasons, senders."""

    series = BucketOutput(many=True)
    senders = SenderFiguresOutput(many=True)


class HourlyOutput(serializers.Serializer[Any]):
    """Volume by weekday and hour, and the busiest hours for going out and coming in."""

    period = PeriodOutput()
    cells = CellOutput(many=True)
    busiest_sent = CellOutput(many=True)
    busiest_received = CellOutput(many=True)


class TemplatesOutput(serializers.Serializer[Any]):
    """Every template that was used in the period."""

    period = PeriodOutput()
    templates = TemplateFiguresOutput(many=True)
