"""The filter of an audience: conditions on contacts, read strictly.

language, country        a word or several: any of them ("pt" finds "pt_BR" too)
tags                     several words (any of them), or {"any": [...], "all": [...], "none": [...]}
attributes               {"city": "Lima", "plan": ["gold", "silver"]}: equal to one of these
created_after, created_before   instants in RFC 3339
has_phone                true or false
"""  # one line a field

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.utils.dateparse import parse_date, parse_datetime

from config.lib.errors import InvalidInput
from messaging.campaigns.errors import Finding
from messaging.contacts import tags as vocabulary
from messaging.contacts.models import Tag

_MOST_WORDS: Final = 200


class Query:
    """Conditions, their parameters, and what was wrong on the way."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.params: dict[str, Any] = {}
        self.findings: list[Finding] = []

    def add(self, condition: str) -> None:
        """Narrow the audience."""
        self.conditions.append(condition)

    def param(self, value: object) -> str:
        """Keep a value; return its placeholder."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"

    def lookup(self, value: object, type_: str) -> str:
        """Keep a value to look rows up by; return an expression the planner cannot look into.

        A business or list that is newer than the table's statistics would be taken for empty,
        and each page read from the wrong index.
        """
        return f"(SELECT {self.param(value)}::{type_})"

    def find(self, path: str, rule: str, detail: str) -> None:
        """Note something wrong."""
        self.findings.append(Finding(path, rule, detail))

    @property
    def where(self) -> str:
        """All conditions together."""
        return " AND ".join(self.conditions) or "true"


def read(spec: object, path: str, query: Query) -> None:
    """Add the conditions of a filter to the query, or findings."""
    if not isinstance(spec, Mapping) or not spec:
        query.find(path, "required", f"A filter has at least one of {', '.join(_READERS)}.")
        return
    for name, value in spec.items():
        reader = _READERS.get(str(name))
        if reader is None:
            query.find(f"{path}.{name}", "unknown_field", f"A filter knows {', '.join(_READERS)}.")
        else:
            reader(value, f"{path}.{name}", query)


def as_id(value: object) -> UUID | None:
    """Return a value as a UUID, None when it is none."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value))
    except ValueError:
        return None


def tag_ids(names: Sequence[object], path: str, query: Query) -> list[int]:
    """Return the ids of tags by name; a tag there is not is a finding."""
    try:
        wanted = sorted({vocabulary.normalise(str(name)) for name in names})
    except InvalidInput as error:
        query.find(path, "invalid_tag", error.detail)
        return []
    known = dict(Tag.objects.filter(name__in=wanted).values_list("name", "pk"))
    for name in wanted:
        if name not in known:
            query.find(path, "not_found", f"No such tag: {name}.")
    return [known[name] for name in wanted if name in known]


def tagged(ids: str) -> str:
    """Return the condition that a contact carries one of these tags."""
    return (
        "EXISTS (SELECT 1 FROM messaging_contacttag x WHERE x.contact_id = c.id "  # noqa: S608  # a placeholder
        f"AND x.tag_id = ANY({ids}))"
    )


def on_list(list_id: str) -> str:
    """Return the condition that a contact stands on a list."""
    return (
        "EXISTS (SELECT 1 FROM messaging_listentry y WHERE y.contact_id = c.id "  # noqa: S608  # a placeholder
        f"AND y.list_id = {list_id})"
    )


def _words(value: object, path: str, query: Query) -> list[str]:
    given = value if isinstance(value, list) else [value]
    if not given or len(given) > _MOST_WORDS:
        query.find(path, "length", f"Give 1 to {_MOST_WORDS} values.")
        return []
    if not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in given):
        query.find(path, "type", "Give a text or a list of texts.")
        return []
    return [str(one).strip() for one in given]


def _language(value: object, path: str, query: Query) -> None:
    words = [word.replace("-", "_").lower() for word in _words(value, path, query)]
    column = "lower(replace(c.language, '-', '_'))"
    place = query.param(words)
    query.add(f"({column} = ANY({place}) OR split_part({column}, '_', 1) = ANY({place}))")


def _country(value: object, path: str, query: Query) -> None:
    words = [word.upper() for word in _words(value, path, query)]
    for word in words:
        if len(word) != 2 or not word.isalpha() or not word.isascii():
            query.find(path, "country", "A country is its two-letter code.")
            return
    query.add(f"c.country = ANY({query.param(words)})")


def _tags(value: object, path: str, query: Query) -> None:
    groups = value if isinstance(value, Mapping) else {"any": value}
    for name, words in groups.items():
        if name not in ("any", "all", "none"):
            query.find(f"{path}.{name}", "unknown_field", "Tags are given as any, all or none.")
            continue
        ids = tag_ids(_words(words, f"{path}.{name}", query), f"{path}.{name}", query)
        if name == "all":
            for one in ids:
                query.add(tagged(f"ARRAY[{query.param(one)}]::bigint[]"))
        elif ids:
            condition = tagged(query.param(ids))
            query.add(condition if name == "any" else f"NOT {condition}")


def _attributes(value: object, path: str, query: Query) -> None:
    if not isinstance(value, Mapping) or not value:
        query.find(path, "type", "Give an object of attribute and value.")
        return
    for name, given in value.items():
        words = _words(given, f"{path}.{name}", query)
        query.add(f"c.attributes ->> {query.param(str(name))} = ANY({query.param(words)})")


def _created(value: object, path: str, query: Query, *, operator: str) -> None:
    instant = _instant(value)
    if instant is None:
        query.find(path, "instant", "Give a date or a time in RFC 3339.")
        return
    query.add(f"c.created_at {operator} {query.param(instant)}")


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        day = parse_date(value)
        found = datetime.combine(day, time(), UTC) if day else parse_datetime(value)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _has_phone(value: object, path: str, query: Query) -> None:
    if not isinstance(value, bool):
        query.find(path, "type", "Give true or false.")
        return
    query.add(f"c.phone_key IS {'NOT ' if value else ''}NULL")


_READERS: Final[Mapping[str, Callable[[object, str, Query], None]]] = {
    "language": _language,
    "country": _country,
    "tags": _tags,
    "attributes": _attributes,
    "created_after": partial(_created, operator=">="),
    "created_before": partial(_created, operator="<"),
    "has_phone": _has_phone,
}
