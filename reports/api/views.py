"""Reports as files."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from accounts import access
from analytics import periods
from compliance import audit
from config.lib.api.filters import UnknownFilter
from config.lib.api.views import ApiView
from config.lib.errors import InvalidInput
from reports import catalog, downloads
from reports.catalog import Prepared
from reports.rows import Selection

_COMMON: Final = frozenset({"report", "from", "to", "tz"})
_CHOICES: Final = {
    "by": sorted(catalog.BY),
    "category": ["authentication", "marketing", "service", "utility"],
    "status": sorted(catalog.STATUSES),
    "direction": sorted(catalog.DIRECTIONS),
}
_PARAMETERS: Final = [
    OpenApiParameter("report", OpenApiTypes.STR, enum=sorted(catalog.REPORTS), required=True),
    OpenApiParameter("from", OpenApiTypes.STR, description="A date, or a time in RFC 3339."),
    OpenApiParameter("to", OpenApiTypes.STR, description="As from; a date includes its day."),
    OpenApiParameter("tz", OpenApiTypes.STR, description="By default the business's."),
    OpenApiParameter("sender", OpenApiTypes.UUID),
    OpenApiParameter("template", OpenApiTypes.UUID),
    OpenApiParameter("campaign", OpenApiTypes.UUID, description="Needed by campaign_outcomes."),
    *(OpenApiParameter(name, OpenApiTypes.STR, enum=words) for name, words in _CHOICES.items()),
]
_BOM: Final = OpenApiParameter(
    "bom", OpenApiTypes.STR, enum=["0", "1"], description="The mark Excel looks for; by default 1."
)


class Csv(ApiView):
    """Reports as CSV."""

    permission = "reports.view"

    @extend_schema(parameters=[*_PARAMETERS, _BOM], responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream a report as CSV."""
        given = _given(request)
        mark = _choice(given, "bom", ["0", "1"]) != "0"
        given.pop("bom", None)
        prepared = _prepare(request, given)
        return downloads.as_csv(request._request, prepared, mark=mark)


class Excel(ApiView):
    """Reports as workbooks."""

    permission = "reports.view"

    @extend_schema(
        parameters=_PARAMETERS,
        responses={
            (
                200,
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ): OpenApiTypes.BINARY
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream a report as XLSX."""
        return downloads.as_xlsx(request._request, _prepare(request, _given(request)))


def _given(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in request.query_params.lists()}


def _prepare(request: Request, given: dict[str, str]) -> Prepared:
    if "report" not in given:
        raise InvalidInput("Name the report.", attr="report", code="required")
    known = _COMMON | catalog.get(given["report"]).filters
    for name in given:
        if name not in known:
            raise UnknownFilter(name[:64], known)
    prepared = catalog.prepare(given["report"], _selection(request, given))
    _note(request, prepared)
    return prepared


def _selection(request: Request, given: dict[str, str]) -> Selection:
    caller = access.of(request._request)
    period = periods.read(
        start=given.get("from"),
        end=given.get("to"),
        zone=given.get("tz"),
        granularity=None,
        default_zone=caller.business.time_zone if caller and caller.business else "UTC",
        now=timezone.now(),
    )
    choices: dict[str, Any] = {
        name: _choice(given, name, words) for name, words in _CHOICES.items() if name in given
    }
    return Selection(
        period=period,
        sender_id=_uuid(given, "sender"),
        template_id=_uuid(given, "template"),
        campaign_id=_uuid(given, "campaign"),
        **choices,
    )


def _note(request: Request, prepared: Prepared) -> None:
    """Leave in the audit trail who took which report."""
    caller = access.of(request._request)
    audit.record(
        action="report.exported",
        resource="report",
        resource_id=prepared.report.name,
        details={"file": prepared.stem},
        actor=caller.user if caller else None,
        actor_name=caller.actor_name if caller else "",
    )


def _uuid(given: dict[str, str], name: str) -> UUID | None:
    if name not in given:
        return None
    try:
        return UUID(given[name])
    except ValueError as error:
        raise InvalidInput(f"{name} is an id.", attr=name) from error


def _choice(given: dict[str, str], name: str, words: list[str]) -> str | None:
    if name not in given:
        return None
    if given[name] not in words:
        raise InvalidInput(f"{name} is one of {', '.join(words)}.", attr=name)
    return given[name]
