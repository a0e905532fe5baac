"""Lists of any size: pages by key, never a count, and a period on what grows for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.utils import timezone

from config.lib import ids

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

BEFORE: Final = "before"
AFTER: Final = "after"
SEPARATOR: Final = "~"


class KeyPaginator(Paginator[Any]):
    """Stands where Django wants a paginator; counts nothing."""

    template_name = "admin/key_pages.html"

    @property
    def count(self) -> int:
        """Return a number no page depends on."""
        return 0


class KeyChangeList(ChangeList):
    """One page of rows, newest key first, found by the key of its neighbour.

    `?before=<key>` gives the older page, `?after=<key>` the newer one. One row more than the
    page holds tells whether there is another page. Rows beyond are not looked at. The key is the
    primary one, or the admin's `list_key` (a field with an index after the business) and the
    primary one; rows without a value there are left out.
    """

    older_url = ""
    newer_url = ""
    empty_state: Any = None
    offers_add = False

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Leave out the keys of pages, and what no column can hold."""
        found: dict[str, Any] = super().get_filters_params(params)
        return {
            name: values
            for name, values in found.items()
            if name not in (BEFORE, AFTER) and not any("\x00" in str(one) for one in values)
        }

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        """Order by key: what every list has an index for."""
        return [f"-{name}" for name in self._key_fields()]

    def get_results(self, request: HttpRequest) -> None:
        """Read one page and the addresses of its neighbours."""
        rows, is_first, is_last = self._page(request)
        if not rows:
            self._explain(request)
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = len(rows)  # the same: the page then claims no total
        self.show_full_result_count = False
        self.show_admin_actions = bool(rows)
        self.can_show_all = False
        self.multi_page = not (is_first and is_last)
        self.paginator = KeyPaginator([], self.list_per_page)
        if rows and not is_last:
            self.older_url = self._url(request, BEFORE, rows[-1])
        if rows and not is_first:
            self.newer_url = self._url(request, AFTER, rows[0])

    def _explain(self, request: HttpRequest) -> None:
        state = getattr(self.model_admin, "empty_state", None)
        self.empty_state = state.for_reader(request) if state else None
        self.offers_add = self.model_admin.has_add_permission(request)

    def _page(self, request: HttpRequest) -> tuple[list[Model], bool, bool]:
        """Return the rows, whether newer ones are missing, whether older ones are."""
        size, fields = self.list_per_page, self._key_fields()
        rows_all = self.queryset
        if len(fields) > 1:
            rows_all = rows_all.filter(**{f"{fields[0]}__isnull": False})
        before, after = self._beyond(request, BEFORE, "lt"), self._beyond(request, AFTER, "gt")
        if after is not None:
            rows = list(rows_all.filter(after).order_by(*fields)[: size + 1])
            return rows[:size][::-1], len(rows) <= size, False
        older = rows_all if before is None else rows_all.filter(before)
        rows = list(older.order_by(*self.get_ordering(request, older))[: size + 1])
        return rows[:size], before is None, len(rows) <= size

    def _key_fields(self) -> list[str]:
        extra: str = getattr(self.model_admin, "list_key", "")
        return [extra, "pk"] if extra else ["pk"]

    def _beyond(self, request: HttpRequest, name: str, lookup: str) -> Q | None:
        """Return what lies beyond the row named in the address; None when none is."""
        texts = request.GET.get(name, "").split(SEPARATOR)
        fields = self._key_fields()
        if len(texts) != len(fields) or not all(texts):
            return None
        try:
            values = [self._field(f).to_python(t) for f, t in zip(fields, texts, strict=True)]
        except ValidationError:
            return None
        if len(values) == 1:
            return Q(**{f"pk__{lookup}": values[0]})
        first, key = values
        return Q(**{f"{fields[0]}__{lookup}": first}) | Q(
            **{fields[0]: first, f"pk__{lookup}": key}
        )

    def _field(self, name: str) -> Any:
        return self.model._meta.pk if name == "pk" else self.model._meta.get_field(name)

    def _url(self, request: HttpRequest, name: str, row: Model) -> str:
        values = [getattr(row, field) for field in self._key_fields()]
        query = request.GET.copy()
        for key in (BEFORE, AFTER):
            query.pop(key, None)
        query[name] = SEPARATOR.join(
            value.isoformat() if isinstance(value, datetime) else str(value) for value in values
        )
        return f"?{query.urlencode()}"


class PeriodFilter(admin.SimpleListFilter):
    """How far back to look, by the time within the key (UUIDv7): a range of the primary key.

    Give it to `list_filter` of a table that grows for ever; a list without a choice shows the
    last `default_days`.
    """

    title = "period"
    parameter_name = "period"
    default_days: int = 7
    choices_in_days: tuple[tuple[int, str], ...] = (
        (1, "Last 24 hours"),
        (7, "Last 7 days"),
        (30, "Last 30 days"),
        (90, "Last 90 days"),
        (366, "Last year"),
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the periods on offer."""
        return [(str(days), label) for days, label in self.choices_in_days]

    def choices(self, changelist: Any) -> Any:
        """Offer the periods; there is no 'all'."""
        for value, label in self.lookup_choices:
            yield {
                "selected": self.days() == int(str(value)),
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def days(self) -> int:
        """Return the period chosen, or the default."""
        known = {str(days): days for days, _ in self.choices_in_days}
        return known.get(self.value() or "", self.default_days)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave out what is older."""
        return queryset.filter(pk__gte=ids.floor_of(self.since(timezone.now())))

    def since(self, now: datetime) -> datetime:
        """Return where the period begins."""
        return now - timedelta(days=self.days())
