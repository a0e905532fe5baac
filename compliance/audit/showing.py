"""Entries as people read them: a sentence, who, and what changed side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model

from accounts import tenancy
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
    """Return what the trails in sight hold about a record, newest first, the newest two hundred.

    On a page of the platform, which no business is in scope of, these are the trails of all.
    """
    in_scope = tenancy.find_current_id()
    entries = AuditEntry.objects.filter(**{"business_id": in_scope} if in_scope else {})
    entries = entries.filter(resource_id=id_)
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
        facts=_facts(entry),
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
    """Return each field that changed, by name; none where something was added or deleted."""
    if entry.before is None or entry.after is None:
        return []
    return [
        Change(
            name=_capital(_name(name)),
            before=_value(entry.before.get(name)),
            after=_value(entry.after.get(name)),
            is_hidden=masking.MASKED in (entry.before.get(name), entry.after.get(name)),
        )
        for name in sorted({*entry.before, *entry.after})
    ]


def summary(entry: AuditEntry) -> str:
    """Return the changes as one short line."""
    parts = [one.name if one.is_hidden else f"{one.name}: {_both(one)}" for one in changes(entry)]
    parts = parts or [f"{name}: {value}" for name, value in _facts(entry)]
    more = f", {len(parts) - 2} more" if len(parts) > 2 else ""
    return ", ".join(_short(part) for part in parts[:2]) + more


def is_broken(entry: AuditEntry) -> bool:
    """Say whether an entry is not as Switchboard wrote it."""
    if not canonical.is_signed(entry):
        return True
    return hasattr(entry, "link") and entry.link.digest != canonical.digest(entry)


def _both(change: Change) -> str:
    return f"{change.before} → {change.after}"


def _facts(entry: AuditEntry) -> list[tuple[str, str]]:
    """Return what else is known: of what was added or deleted also what it held."""
    held: Mapping[str, Any] = {}
    if entry.before is None or entry.after is None:
        held = entry.after or entry.before or {}
    known = {**held, **entry.details}
    shown = ((name, value) for name, value in known.items() if value not in (None, "", [], {}))
    return [(_capital(_name(name)), _value(value)) for name, value in shown]


def _short(text: str) -> str:
    return text if len(text) <= 48 else f"{text[:48]}…"


def _name(name: str) -> str:
    return " ".join(_WORDS.get(word, word) for word in name.split("_"))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _value(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return _NOTHING
    if value == masking.MASKED:
        return "not kept"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
