"""Filters as query parameters; one that does not exist is an error, never ignored."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.request import Request
from rest_framework.views import APIView

from config.lib.api.pagination import CursorPage
from config.lib.errors import InvalidInput


class UnknownFilter(InvalidInput):
    """A query parameter names no filter of this list."""

    code = "unknown_filter"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        allowed = ", ".join(sorted(known)) or "none"
        super().__init__(f"There is no such filter. Known filters: {allowed}.", attr=name)


class StrictFilterSet(filters.FilterSet):  # type: ignore[misc]  # no types upstream
    """Base of every filter set."""

    def known_params(self) -> set[str]:
        """Return the query parameters its form reads, ranges by their two names."""
        form = self.form
        names: set[str] = set()
        for name, field in form.fields.items():
            suffixes = getattr(field.widget, "suffixes", None)
            names |= {f"{name}_{suffix}" for suffix in suffixes} if suffixes else {name}
        return names


class StrictFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]  # as above
    """Refuses unknown query parameters, then filters.

    A view adds parameters it reads itself in `query_params = ("tz", ...)`.
    """

    filterset_base = StrictFilterSet

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        """Return the rows asked for; raises UnknownFilter or a validation error."""
        filterset = self.get_filterset(request, queryset, view)
        known = filterset.known_params() if isinstance(filterset, StrictFilterSet) else set()
        require_known(request, known | set(getattr(view, "query_params", ())))
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


def require_known(request: Request, known: Iterable[str]) -> None:
    """Raise UnknownFilter for the first query parameter that is neither known nor paging."""
    allowed = {*known, *CursorPage.query_params}
    for name in request.query_params:
        if name not in allowed:
            raise UnknownFilter(name[:64], allowed)
