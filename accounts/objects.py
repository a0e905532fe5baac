"""Kinds of objects a permission can be granted for: one sender, one campaign, one contact list.

The app that owns the rows registers the kind when it starts; accounts knows them by name only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from config.lib.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Kind:
    """Objects of one kind.

    `permissions` are those that can be held for one of them. `reach` names rows that go with the
    object and the attribute that holds its key: a campaign goes with its sender by `sender_id`.
    """

    name: str
    title: str
    model: type[Model]
    permissions: frozenset[str]
    reach: Mapping[type[Model], str] = field(default_factory=dict)

    def key_in(self, model: type[Model]) -> str | None:
        """Return the attribute of the model's rows that holds this object's key, if any does."""
        return "pk" if model is self.model else self.reach.get(model)


@dataclass(frozen=True, slots=True)
class Target:
    """One object of the business in scope."""

    kind: Kind
    id: str
    title: str


_kinds: Final[dict[str, Kind]] = {}


def register(kind: Kind) -> None:
    """Let permissions be granted for objects of this kind."""
    _kinds[kind.name] = kind


def kinds() -> tuple[Kind, ...]:
    """Return all kinds in the order they were registered."""
    return tuple(_kinds.values())


def find_kind(name: str) -> Kind | None:
    """Return the kind of this name."""
    return _kinds.get(name)


def kind_names_by_type() -> dict[int, str]:
    """Return the kind's name for each content type; Django keeps the types in memory."""
    types = ContentType.objects.get_for_models(*(kind.model for kind in _kinds.values()))
    return {types[kind.model].pk: kind.name for kind in _kinds.values()}


def get_target(*, type: str, id: str) -> Target:  # the words of the route
    """Return the object of the business in scope; raise `InvalidInput` naming the field."""
    kind = _kinds.get(type)
    if kind is None:
        known = ", ".join(_kinds)
        raise InvalidInput(
            f"Permissions are granted for one of: {known}.",
            code="unknown_object_type",
            attr="object.type",
        )
    row = _find(kind, id)
    if row is None:
        raise InvalidInput(
            f"There is no such {kind.title}.", code="unknown_object", attr="object.id"
        )
    return Target(kind, str(row.pk), str(row))


def title_of(kind: Kind, id_: str) -> str:
    """Return the object's name, or that it is gone."""
    row = _find(kind, id_)
    return str(row) if row is not None else "deleted"


def require_for(kind: Kind, permissions: frozenset[str]) -> None:
    """Raise `InvalidInput` naming what can only be held for the whole business."""
    beyond = sorted(permissions - kind.permissions)
    if beyond:
        raise InvalidInput(
            f"Not for one {kind.title}: {', '.join(beyond)}. "
            f"For one {kind.title}: {', '.join(sorted(kind.permissions))}.",
            code="not_for_object",
            attr="permissions",
        )


def _find(kind: Kind, id_: str) -> Any:
    try:
        key = UUID(id_)
    except ValueError:
        return None
    return kind.model._default_manager.filter(pk=key).first()
