"""Cursor pages: {"next", "previous", "results"}, newest first, stable while rows arrive."""

from typing import Any

from django.core.exceptions import ValidationError as InvalidValue
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from config.lib.errors import InvalidInput

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class CursorPage(CursorPagination):
    """Pages by id, which sorts by time; a view with another order subclasses this."""

    ordering: Any = "-id"
    page_size = DEFAULT_LIMIT
    page_size_query_param = "limit"
    page_size_query_description = f"Results per page, up to {MAX_LIMIT}."
    max_page_size = MAX_LIMIT
    query_params = ("limit", "cursor")

    def get_page_size(self, request: Request) -> int:
        """Return the limit asked for; raises InvalidInput unless it is 1 to 200."""
        given = request.query_params.get("limit")
        if given is None:
            return DEFAULT_LIMIT
        if not (given.isascii() and given.isdecimal() and 1 <= int(given[:9]) <= MAX_LIMIT):
            raise InvalidInput(f"limit is a number from 1 to {MAX_LIMIT}.", attr="limit")
        return int(given)

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """Return the rows of the page; raises InvalidInput for a cursor we never gave out."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, InvalidValue, ValueError, OverflowError) as error:
            raise InvalidInput("The cursor is not valid.", attr="cursor") from error
