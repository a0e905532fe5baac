"""Entries as people read them: a sentence, who, and what changed side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model

from compliance.audit import canonical, masking, rows, trail
from compliance.audit.models import AuditEntry

MOST_SHOWN: Final = 200
_WORDS: Final = {"api": "API", "ip": "IP", "id": "id", "waba": "WABA"}
_ROW_TITLES: Final = {
    "row.added": "Record added",
    "row.changed": "Record changed",
    "row.deleted": "Record deleted",
}
_NOTHING: Final = "—"


@dataclass(frozen=True, slots=True)
class Change:
    """One field before and after; `is_hidden` when the trail only keeps that it changed."""

    name: str
    before: str
    after: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as a page shows it."""

    id: UUID
    at: datetime
    title: str
    who: str
    changes: list[Change]
    facts: list[tuple[str, str]]
    ip_address: str
    is_external: bool
    is_broken: bool


def history_of(obj: Model, id_: str) -> list[Shown]:
    """Return what the trail holds about a record, newest first, the newest two hundred."""
    entries = trail.list_entries().filter(resource_id=id_)
    if resource := rows.resource_of(type(obj)):
        entries = entries.filter(resource=resource)
    return [show(entry) for entry in entries.select_related("link").order_by("-id")[:MOST_SHOWN]]


def show(entry: AuditEntry) -> Shown:
    """Return an entry as a page shows it."""
    return Shown(
        id=entry.pk,
        at=entry.created_at,
        title=title(entry),
        who=entry.actor_name or "The system",
        changes=changes(entry),
        facts=[(_name(name), _value(value)) for name, value in entry.details.items()],
        ip_address=entry.ip_address or "",
        is_external=entry.origin == AuditEntry.Origin.EXTERNAL,
        is_broken=is_broken(entry),
    )


def title(entry: AuditEntry) -> str:
    """Return what was done in words: `campaign.approved` is "Campaign approved"."""
    if entry.action in _ROW_TITLES:
        return _ROW_TITLES[entry.action]
    action = entry.action.removeprefix(trail.EXTERNAL)
    return _capital(_name(action.replace(".", "_")))


def changes(entry: AuditEntry) -> list[Change]:
    """Return each field that changed, by name; of what was added or deleted, what it held."""
    before: Mapping[str, Any] = entry.before or {}
    after: Mapping[str, Any] = entry.after or {}
    return [
        Change(
            name=_capital(_name(name)),
            before=_value(before.get(name)),
            after=_value(after.get(name)),
            is_hidden=masking.MASKED in (before.get(name), after.get(name)),
        )
        for name in _names(before, after)
    ]


def summary(entry: AuditEntry) -> str:
    """Return the changes as one short line."""
    found = changes(entry)
    if entry.before is not None and entry.after is not None:
        parts = [one.name if one.is_hidden else f"{one.name}: {_both(one)}" for one in found]
    else:
        parts = [
            f"{_capital(_name(name))}: {_value(value)}" for name, value in entry.details.items()
        ]
    more = f", {len(parts) - 2} more" if len(parts) > 2 else ""
    return ", ".join(part[:60] for part in parts[:2]) + more


def is_broken(entry: AuditEntry) -> bool:
    """Say whether an entry is not as Switchboard wrote it."""
    if not canonical.is_signed(entry):
        return True
    return hasattr(entry, "link") and entry.link.digest != canonical.digest(entry)


def _both(change: Change) -> str:
    return f"{change.before} → {change.after}"


def _names(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if before.get(name) not in (None, "") or after.get(name) not in (None, ""):
            yield name


def _name(name: str) -> str:
    return " ".join(_WORDS.get(word, word) for word in name.split("_"))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _value(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
