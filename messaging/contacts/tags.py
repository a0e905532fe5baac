"""Words contacts are grouped by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from accounts import tenancy
from accounts.models import User
from compliance import audit
from config.lib.errors import InvalidInput
from messaging.contacts.models import ContactTag, Tag

LONGEST: Final = 60


class BadTag(InvalidInput):
    """A tag is empty or too long."""

    code = "invalid_tag"


def normalise(name: str) -> str:
    """Return the tag as it is kept: one spelling, single spaces, lower case. Raises `BadTag`."""
    spaced = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", name))
    shown = "".join(char for char in spaced if char.isprintable())
    tag = re.sub(r" +", " ", unicodedata.normalize("NFKC", shown.lower())).strip()
    if not tag or len(tag) > LONGEST:
        raise BadTag(f"A tag has 1 to {LONGEST} characters.", attr="tags")
    return tag


def ensure(names: Iterable[str], *, by: User | None = None) -> dict[str, Tag]:
    """Return the tags of these names, made where missing, by normalised name."""
    wanted = sorted({normalise(name) for name in names})
    if not wanted:
        return {}
    with transaction.atomic():
        for tag_id, name in _insert(wanted):
            _audit("tag.created", tag_id, name, by)
    return {tag.name: tag for tag in Tag.objects.filter(name__in=wanted)}


def _insert(names: Sequence[str]) -> list[tuple[int, str]]:
    """Make the tags that are missing; return the id and name of each new one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_tag (business_id, name)"
            " SELECT %s, name FROM unnest(%s::text[]) AS new (name)"
            " ON CONFLICT (business_id, name) DO NOTHING RETURNING id, name",
            [tenancy.current_id(), list(names)],
        )
        return list(cursor.fetchall())


def delete(tag: Tag, *, by: User | None = None) -> None:
    """Delete the tag; its contacts stay."""
    with transaction.atomic():
        _audit("tag.deleted", tag.pk, tag.name, by)
        tag.delete()


def add(*, contacts: Sequence[UUID], names: Iterable[str], by: User | None = None) -> int:
    """Put the tags on the contacts; return how many were new."""
    return add_each({contact: list(names) for contact in contacts}, by=by)


def add_each(names_by_contact: Mapping[UUID, Sequence[str]], *, by: User | None = None) -> int:
    """Put on each contact its own tags; return how many were new."""
    tags = ensure((name for names in names_by_contact.values() for name in names), by=by)
    pairs = sorted(
        {
            (tags[normalise(name)].pk, contact)
            for contact, names in names_by_contact.items()
            for name in names
        }
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_contacttag (business_id, tag_id, contact_id)"
            " SELECT %s, t, c FROM unnest(%s::bigint[], %s::uuid[]) AS new (t, c)"
            " ON CONFLICT (tag_id, contact_id) DO NOTHING",
            [tenancy.current_id(), [tag for tag, _ in pairs], [contact for _, contact in pairs]],
        )
        return int(cursor.rowcount)


def remove(*, contacts: Sequence[UUID], names: Iterable[str]) -> int:
    """Take the tags off the contacts; return how many were there."""
    wanted = [normalise(name) for name in names]
    gone, _ = ContactTag.objects.filter(contact_id__in=contacts, tag__name__in=wanted).delete()
    return gone


def replace(*, contact: UUID, names: Sequence[str], by: User | None = None) -> None:
    """Leave the contact with exactly these tags."""
    wanted = [normalise(name) for name in names]
    ContactTag.objects.filter(contact_id=contact).exclude(tag__name__in=wanted).delete()
    add(contacts=[contact], names=wanted, by=by)


def _audit(action: str, tag_id: int, name: str, by: User | None) -> None:
    audit.record(
        action=action, resource="tag", resource_id=str(tag_id), details={"name": name}, actor=by
    )
