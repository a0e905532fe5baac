"""Fields that name another row: a link to its page only where the reader may open it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.http import HttpRequest

from config.lib.admin import asking

if TYPE_CHECKING:
    from django.contrib.admin.helpers import AdminForm, AdminReadonlyField, Fieldline, Fieldset
else:
    from unfold.fields import UnfoldAdminReadonlyField as AdminReadonlyField
    from unfold.forms import AdminForm, Fieldline, Fieldset


class ReaderForm(AdminForm):
    """A form as Django made it, for this reader."""

    def __init__(self, made: AdminForm, request: HttpRequest) -> None:
        vars(self).update(vars(made))
        self.request = request

    def __iter__(self) -> Iterator[Fieldset]:
        """Yield the parts of the form."""
        for part in super().__iter__():
            yield _Part(part, self.request)


class _Part(Fieldset):
    def __init__(self, made: Fieldset, request: HttpRequest) -> None:
        vars(self).update(vars(made))
        self.request = request

    def __iter__(self) -> Iterator[Fieldline]:
        for line in super().__iter__():
            yield _Line(line, self.request)


class _Line(Fieldline):
    def __init__(self, made: Fieldline, request: HttpRequest) -> None:
        vars(self).update(vars(made))
        self.request = request

    def __iter__(self) -> Iterator[Any]:
        for one in super().__iter__():
            yield _Field(one, self.request) if isinstance(one, AdminReadonlyField) else one


class _Field(AdminReadonlyField):
    def __init__(self, made: AdminReadonlyField, request: HttpRequest) -> None:
        vars(self).update(vars(made))
        self.request = request

    def get_admin_url(self, remote_field: Any, remote_obj: Model) -> str:
        if not asking.opens(self.request, remote_obj):
            return str(remote_obj)
        return super().get_admin_url(remote_field, remote_obj)
