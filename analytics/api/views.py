"""The numbers of a period."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import queries
from analytics.api import params, serializers
from analytics.api.params import Asked
from analytics.periods import Period
from analytics.queries import Cell, OfSender, OfTemplate
from config.lib.api.views import ApiView

_FEW = 5


class Overview(ApiView):
    """The business at a glance."""

    permission = "analytics.view"

    @extend_schema(parameters=params.DOCUMENTED, responses=serializers.OverviewOutput)
    def get(self, request: Request) -> Response:
        """Return what happened in a period, the five main reasons for failures among it."""
        asked = params.read(request)
        return Response(serializers.OverviewOutput(_overview(asked, failures=_FEW)).data)


class WhatsApp(ApiView):
    """Messages of a period."""

    permission = "analytics.view"

    @extend_schema(parameters=params.DOCUMENTED, responses=serializers.WhatsAppOutput)
    def get(self, request: Request) -> Response:
        """Return counts and rates, their chart, why messages failed, and each sender's share."""
        asked = params.read(request)
        body = _overview(asked, failures=queries.MOST_FAILURES) | {
            "series": [
                {"at": one.at, **one.counts.as_dict()}
                for one in queries.series(asked.period, asked.filters)
            ],
            "senders": [_sender(one) for one in queries.by_sender(asked.period, asked.filters)],
        }
        return Response(serializers.WhatsAppOutput(body).data)


class Hourly(ApiView):
    """Peak hours."""

    permission = "analytics.view"

    @extend_schema(parameters=params.DOCUMENTED, responses=serializers.HourlyOutput)
    def get(self, request: Request) -> Response:
        """Return volume by weekday and hour in the zone asked for, and the busiest hours."""
        asked = params.read(request)
        cells = queries.week(asked.period, asked.filters)
        body = {
            "period": _period(asked.period),
            "cells": [_cell(one) for one in cells],
            "busiest_sent": [_cell(one) for one in queries.peaks(cells, metric="sent")],
            "busiest_received": [_cell(one) for one in queries.peaks(cells, metric="received")],
        }
        return Response(serializers.HourlyOutput(body).data)


class Templates(ApiView):
    """Templates compared."""

    permission = "analytics.view"

    @extend_schema(parameters=params.DOCUMENTED, responses=serializers.TemplatesOutput)
    def get(self, request: Request) -> Response:
        """Return the counts and rates of every template that was used, the most sent first."""
        asked = params.read(request)
        body = {
            "period": _period(asked.period),
            "templates": [
                _template(one) for one in queries.by_template(asked.period, asked.filters)
            ],
        }
        return Response(serializers.TemplatesOutput(body).data)


def _overview(asked: Asked, *, failures: int) -> dict[str, Any]:
    previous = None
    if asked.previous is not None:
        previous = {
            "start": asked.previous.start,
            "end": asked.previous.end,
            "totals": queries.totals(asked.previous, asked.filters).as_dict(),
        }
    return {
        "period": _period(asked.period),
        "totals": queries.totals(asked.period, asked.filters).as_dict(),
        "failures": queries.failures(asked.period, asked.filters, limit=failures),
        "previous": previous,
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "start": period.start,
        "end": period.end,
        "tz": period.zone.key,
        "granularity": period.granularity.value,
    }


def _sender(one: OfSender) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "phone": one.phone, **one.counts.as_dict()}


def _template(one: OfTemplate) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "language": one.language,
        "category": one.category,
        **one.counts.as_dict(),
    }


def _cell(one: Cell) -> dict[str, Any]:
    return {"weekday": one.weekday, "hour": one.hour, **one.counts.as_dict()}
