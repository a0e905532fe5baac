"""Named lists of contacts; `size` always says how many stand on one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from accounts import tenancy
from accounts.models import User
from compliance import audit
from config.lib.errors import Conflict, InvalidInput
from messaging.contacts.models import ContactList


class NameTaken(Conflict):
    """There is a list of that name already."""

    code = "list_name_taken"


def create(*, name: str, by: User | None = None) -> ContactList:
    """Make an empty list. Raises `NameTaken`, or `InvalidInput` for an empty or long name."""
    try:
        with transaction.atomic():
            made: ContactList = ContactList.objects.create(
                business_id=tenancy.current_id(), name=checked_name(name)
            )
            _audit("list.created", made, by, {"name": made.name})
            return made
    except IntegrityError as error:
        raise NameTaken("There is a list of that name already.", attr="name") from error


def find_or_create(*, name: str, by: User | None = None) -> ContactList:
    """Return the list of this name, made if there is none."""
    found: ContactList
    with transaction.atomic():
        found, is_new = ContactList.objects.get_or_create(
            name=checked_name(name), defaults={"business_id": tenancy.current_id()}
        )
        if is_new:
            _audit("list.created", found, by, {"name": found.name})
    return found


def rename(contact_list: ContactList, *, name: str, by: User | None = None) -> None:
    """Give the list another name. Raises `NameTaken`."""
    contact_list.name = checked_name(name)
    try:
        with transaction.atomic():
            before = ContactList.objects.select_for_update().get(pk=contact_list.pk).name
            contact_list.save(update_fields=["name"])
            if before != contact_list.name:
                change = {"before": before, "after": contact_list.name}
                _audit("list.renamed", contact_list, by, change)
    except IntegrityError as error:
        raise NameTaken("There is a list of that name already.", attr="name") from error


def delete(contact_list: ContactList, *, by: User | None = None) -> None:
    """Delete the list; its contacts stay."""
    with transaction.atomic():
        _audit("list.deleted", contact_list, by, {"name": contact_list.name})
        contact_list.delete()


def add(contact_list: ContactList, *, contacts: Sequence[UUID]) -> int:
    """Put contacts of the business in scope on the list; return how many were new."""
    return _change(
        contact_list,
        "INSERT INTO messaging_listentry (business_id, list_id, contact_id)"
        " SELECT %(business)s, %(list)s, id FROM messaging_contact"
        " WHERE business_id = %(business)s AND id = ANY(%(contacts)s) ORDER BY id"
        " ON CONFLICT (list_id, contact_id) DO NOTHING",
        contacts,
    )


def remove(contact_list: ContactList, *, contacts: Sequence[UUID]) -> int:
    """Take contacts off the list; return how many were on it."""
    return -_change(
        contact_list,
        "DELETE FROM messaging_listentry WHERE business_id = %(business)s"
        " AND list_id = %(list)s AND contact_id = ANY(%(contacts)s)",
        contacts,
        sign=-1,
    )


def checked_name(name: str) -> str:
    """Return the name with single spaces; raises `InvalidInput` when empty or too long."""
    clean = re.sub(r"\s+", " ", name).strip()
    if not clean or len(clean) > 120 or "\x00" in clean:
        raise InvalidInput("A list's name has 1 to 120 characters.", attr="name")
    return clean


def _change(
    contact_list: ContactList, statement: str, contacts: Sequence[UUID], *, sign: int = 1
) -> int:
    """Change entries, then the size, so that the list's row is locked for a moment only."""
    ids: dict[str, Any] = {
        "business": tenancy.current_id(),
        "list": contact_list.pk,
        "contacts": list(contacts),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, ids)
        change = sign * int(cursor.rowcount)
        if change:
            cursor.execute(
                "UPDATE messaging_contactlist SET size = size + %s WHERE id = %s RETURNING size",
                [change, contact_list.pk],
            )
            row = cursor.fetchone()
            contact_list.size = row[0] if row else 0
    return change


def _audit(action: str, contact_list: ContactList, by: User | None, facts: dict[str, str]) -> None:
    audit.record(
        action=action,
        resource="list",
        resource_id=str(contact_list.pk),
        details=facts,
        actor=by,
    )
