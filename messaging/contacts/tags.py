"""Words contacts are grouped by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from accounts import tenancy
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


def ensure(names: Iterable[str]) -> dict[str, Tag]:
    """Return the tags of these names, made where missing, by normalised name."""
    wanted = sorted({normalise(name) for name in names})
    if not wanted:
        return {}
    business_id = tenancy.current_id()
    Tag.objects.bulk_create(
        [Tag(business_id=business_id, name=name) for name in wanted], ignore_conflicts=True
    )
    return {tag.name: tag for tag in Tag.objects.filter(name__in=wanted)}


def add(*, contacts: Sequence[UUID], names: Iterable[str]) -> int:
    """Put the tags on the contacts; return how many were new."""
    return add_each({contact: list(names) for contact in contacts})


def add_each(names_by_contact: Mapping[UUID, Sequence[str]]) -> int:
    """Put on each contact its own tags; return how many were new."""
    tags = ensure(name for names in names_by_contact.values() for name in names)
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


def replace(*, contact: UUID, names: Sequence[str]) -> None:
    """Leave the contact with exactly these tags."""
    wanted = [normalise(name) for name in names]
    ContactTag.objects.filter(contact_id=contact).exclude(tag__name__in=wanted).delete()
    add(contacts=[contact], names=wanted)
