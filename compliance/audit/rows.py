"""Changes of records: django-auditlog finds them, here they become entries of the trail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from auditlog.registry import auditlog
from django.apps import apps
from django.conf import settings
from django.db import models

from accounts import tenancy
from compliance.audit import trail
from compliance.audit.models import AuditEntry

EVERYTHING: Final = "*"
_ALWAYS_LEFT_OUT: Final = frozenset({"id", "business", "created_at", "updated_at"})
_ACTIONS: Final = {0: "row.added", 1: "row.changed", 2: "row.deleted"}

Changes = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Watched:
    """How the trail files the changes of a model."""

    resource: str
    id_field: str
    hidden: frozenset[str]


_watched: dict[type[models.Model], Watched] = {}


def watch_all() -> None:
    """Watch the models the settings name."""
    for name, options in settings.AUDITED.items():
        watch(apps.get_model(name), **options)


def watch(
    model: type[models.Model],
    *,
    resource: str,
    id: str = "pk",  # a word of the settings
    left_out: frozenset[str] = frozenset(),
    hidden: frozenset[str] = frozenset(),
) -> None:
    """Make an entry of every change of a record of this model."""
    names = [field.name for field in model._meta.concrete_fields]
    kept = [name for name in names if name not in _ALWAYS_LEFT_OUT | left_out]
    concealed = frozenset(kept if EVERYTHING in hidden else hidden)
    _watched[model] = Watched(resource, id, concealed)
    auditlog.register(model, include_fields=kept)


def resource_of(model: type[models.Model]) -> str | None:
    """Return what the trail calls records of this model, if it watches them."""
    found = _watched.get(model)
    return found.resource if found else None


def model_of(resource: str) -> type[models.Model] | None:
    """Return the model whose records the trail files by their own id under this name."""
    found = (model for model, one in _watched.items() if one.resource == resource)
    return next((model for model in found if _watched[model].id_field == "pk"), None)


def resources() -> set[str]:
    """Return the kinds of records that are watched."""
    return {one.resource for one in _watched.values()}


def write(instance: models.Model, *, action: int, changes: Changes) -> AuditEntry:
    """Add the entry of a change, to the trail of the record's business."""
    watched = _watched[type(instance)]
    old = {name: value for name, (value, _) in changes.items()}
    new = {name: value for name, (_, value) in changes.items()}
    added, deleted = action == 0, action == 2
    with _business_of(instance):
        return trail.record(
            action=_ACTIONS[action],
            resource=watched.resource,
            resource_id=str(getattr(instance, watched.id_field)),
            before=None if added else old,
            after=None if deleted else new,
            hidden=watched.hidden,
            origin=AuditEntry.Origin.ROW,
        )


@contextmanager
def _business_of(instance: models.Model) -> Iterator[None]:
    business_id = getattr(instance, "business_id", None)
    if isinstance(instance, apps.get_model("accounts", "Business")):
        business_id = instance.pk
    if business_id is None or business_id == tenancy.find_current_id():
        yield
        return
    with tenancy.scope(business_id):
        yield


class RowChanges(models.Manager["RowChange"]):
    """Takes what django-auditlog found."""

    def log_create(
        self, instance: models.Model, force_log: bool = False, **facts: Any
    ) -> AuditEntry | None:
        """Add the entry of a change, if anything changed that is watched."""
        if not facts.get("changes"):
            return None
        return write(instance, action=facts["action"], changes=facts["changes"])


class RowChange(AuditEntry):
    """An entry of the trail as django-auditlog wants its log to look; never read as such."""

    class Action:
        """The numbers django-auditlog gives to what happened to a record."""

        CREATE, UPDATE, DELETE, ACCESS = range(4)

    objects: ClassVar[models.Manager[Any]] = RowChanges()

    class Meta:
        proxy = True
