"""What the query of a request asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts import access
from analytics import periods
from analytics.periods import Granularity, Period
from analytics.queries import Filters
from config.lib.api.filters import UnknownFilter
from config.lib.errors import InvalidInput

CATEGORIES: Final = ("marketing", "utility", "authentication", "service")
NAMES: Final = (
    "from",
    "to",
    "tz",
    "granularity",
    "compare",
    "sender",
    "template",
    "category",
)
_INSTANT: Final = "A date, or a time in RFC 3339."

DOCUMENTED: Final = [
    OpenApiParameter("from", OpenApiTypes.STR, description=f"{_INSTANT} Default: 7 days ago."),
    OpenApiParameter(
        "to", OpenApiTypes.STR, description=f"{_INSTANT} A date includes its day. Default: now."
    ),
    OpenApiParameter("tz", OpenApiTypes.STR, description="A time zone; by default the business's."),
    OpenApiParameter("granularity", OpenApiTypes.STR, enum=list(Granularity)),
    OpenApiParameter("compare", OpenApiTypes.STR, enum=["previous"]),
    OpenApiParameter("sender", OpenApiTypes.UUID),
    OpenApiParameter("template", OpenApiTypes.UUID),
    OpenApiParameter("category", OpenApiTypes.STR, enum=list(CATEGORIES)),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """The period, what it is narrowed to, and the period to compare with."""

    period: Period
    filters: Filters
    previous: Period | None


def read(request: Request) -> Asked:
    """Return what a request asks for; raises `InvalidInput` naming the parameter."""
    given = {name: values[-1] for name, values in request.query_params.lists()}
    for name in given:
        if name not in NAMES:
            raise UnknownFilter(name[:64], NAMES)
    period = periods.read(
        start=given.get("from"),
        end=given.get("to"),
        zone=given.get("tz"),
        granularity=given.get("granularity"),
        default_zone=_zone_of(request),
        now=timezone.now(),
    )
    filters = Filters(
        sender_id=_uuid(given, "sender"),
        template_id=_uuid(given, "template"),
        category=_choice(given, "category", CATEGORIES),
    )
    compares = _choice(given, "compare", ("previous",)) is not None
    return Asked(period, filters, period.previous() if compares else None)


def _zone_of(request: Request) -> str:
    caller = access.of(request._request)
    return caller.business.time_zone if caller and caller.business else "UTC"


def _uuid(given: dict[str, str], name: str) -> UUID | None:
    if name not in given:
        return None
    try:
        return UUID(given[name])
    except ValueError as error:
        raise InvalidInput(f"{name} is an id.", attr=name) from error


def _choice(given: dict[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    if name not in given:
        return None
    if given[name] not in choices:
        raise InvalidInput(f"{name} is one of {', '.join(choices)}.", attr=name)
    return given[name]
