"""Contacts by hand: add one, change one, delete one that nothing refers to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from accounts import tenancy
from accounts.models import User
from compliance import audit, persons
from compliance.privacy import suppression
from config.lib import addresses
from config.lib.errors import Conflict, InvalidInput
from config.lib.ids import new_id
from messaging.contacts import merging, people, tags
from messaging.contacts.models import Contact

MAX_ATTRIBUTES: Final = 50
MAX_VALUE: Final = 1000
# What may hang on a contact that is deleted; anything else is history.
_FALLS_WITH_IT: Final = frozenset({"messaging_contacttag", "messaging_listentry"})


class ContactExists(Conflict):
    """The phone number or Meta user id belongs to another contact."""

    code = "contact_exists"


class HasHistory(Conflict):
    """Messages or conversations refer to the contact."""

    code = "contact_has_history"


def create(*, fields: Mapping[str, Any], by: User | None, now: datetime) -> Contact:
    """Add a contact. Raises `ContactExists` naming the address that is taken."""
    given = dict(fields)
    names = given.pop("tags", [])
    contact = Contact(id=new_id(), business_id=tenancy.current_id())
    with transaction.atomic():
        _assign(contact, given)
        if not contact.address_keys:
            raise people.MissingAddress("Give a phone number or a Meta user id.", attr="phone")
        _require_free(contact)
        if not Contact.objects.bulk_create([contact], ignore_conflicts=True):
            raise ContactExists("There is such a contact already.")
        _require_free(contact)  # another request may have been first
        suppression.bring_back(contact.address_keys)
        tags.add(contacts=[contact.pk], names=names, by=by)
        _audit("contact.created", contact, by, sorted(fields))
    contact.refresh_from_db()
    return contact


def update(
    contact: Contact, *, fields: Mapping[str, Any], by: User | None, now: datetime
) -> Contact:
    """Change a contact's own fields and tags. Raises `ContactExists`."""
    given = dict(fields)
    names = given.pop("tags", None)
    with transaction.atomic():
        held: Contact = Contact.objects.select_for_update().get(pk=contact.pk)
        before = held.address_keys
        _assign(held, given)
        if not held.address_keys:
            raise people.MissingAddress("A contact keeps at least one address.", attr="phone")
        _require_free(held)
        held.save()
        suppression.bring_back(held.address_keys)
        persons.part(before=before, kept=held.address_keys, now=now, by=by)
        if names is not None:
            tags.replace(contact=held.pk, names=names, by=by)
        _audit("contact.updated", held, by, sorted(fields))
    return held


def delete(contact: Contact, *, by: User | None, now: datetime) -> None:
    """Delete a contact nobody wrote to. Raises `HasHistory`: a person is erased, not deleted."""
    with transaction.atomic():
        held: Contact = Contact.objects.select_for_update().get(pk=contact.pk)
        if _has_history(held):
            raise HasHistory(
                "Messages refer to this contact. A privacy request erases a person with them."
            )
        persons.part(before=held.address_keys, now=now, by=by)
        _audit("contact.deleted", held, by, [])
        held.delete()


def checked_attributes(values: Mapping[str, Any]) -> dict[str, str]:
    """Return a contact's variables as text; raises `InvalidInput` naming the one at fault."""
    if len(values) > MAX_ATTRIBUTES:
        raise InvalidInput(f"At most {MAX_ATTRIBUTES} variables.", attr="attributes")
    for name, value in values.items():
        if not 0 < len(name) <= 60 or not name.replace("_", "").isalnum():
            raise InvalidInput(
                "A variable's name has letters, digits and underscores, at most 60.",
                attr="attributes",
            )
        if not isinstance(value, str | int | float) or len(str(value)) > MAX_VALUE:
            raise InvalidInput(
                f"A variable is text of at most {MAX_VALUE} characters.", attr=f"attributes.{name}"
            )
    return {name: str(value) for name, value in values.items()}


def _assign(contact: Contact, given: Mapping[str, Any]) -> None:
    if given.get("name", contact.name) != contact.name:
        contact.named_at = None
    for name in ("name", "language", "time_zone"):
        if name in given:
            setattr(contact, name, given[name])
    if "attributes" in given:
        contact.attributes = checked_attributes(given["attributes"])
    if "phone" in given:
        phone = given["phone"] or ""
        key = addresses.phone_key(phone) if phone else None
        if key != contact.phone_key:
            contact.wa_id = ""
        contact.phone, contact.phone_key = phone, key
    if "bsuid" in given:
        contact.bsuid = given["bsuid"] or None
    contact.country = people.country_of(contact.address) if contact.address else ""


def _require_free(contact: Contact) -> None:
    for attr, key in (("phone", contact.phone_key), ("bsuid", contact.bsuid)):
        field = "phone_key" if attr == "phone" else attr
        others = Contact.objects.filter(**{field: key}).exclude(pk=contact.pk)
        other = others.values_list("pk", flat=True).first() if key else None
        if other:
            raise ContactExists(
                "Another contact has this address.", attr=attr, extra={"contact": str(other)}
            )


def _has_history(contact: Contact) -> bool:
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table, column in merging.tables_with_a_contact().items():
            if table in _FALLS_WITH_IT:
                continue
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {quote(table)} WHERE {quote(column)} = %s)",  # noqa: S608  # our own names
                [contact.pk],
            )
            [found] = cursor.fetchone()
            if found:
                return True
    return False


def _audit(action: str, contact: Contact, by: User | None, fields: list[str]) -> None:
    audit.record(
        action=action,
        resource="contact",
        resource_id=str(contact.pk),
        details={"fields": fields},
        actor=by,
    )
