"""Make one contact of two that proved to be the same person.

Rows of slices above point at contacts. They are re-pointed here by table, because the merge has to
happen in one transaction with the change of address; `tests/messaging/test_contacts_merging.py`
fails when a table with a rule of uniqueness per contact is missing from `_COLLISIONS`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import ForeignObjectRel

from compliance import audit
from messaging.contacts.models import Contact

# What must be folded or dropped because the winner already has such a row. Parameters: the ids.
_COLLISIONS: Final = {
    "messaging_contacttag": """
        DELETE FROM messaging_contacttag gone USING messaging_contacttag kept
        WHERE gone.contact_id = %(loser)s AND kept.contact_id = %(winner)s
          AND kept.tag_id = gone.tag_id""",
    "messaging_listentry": """
        WITH gone AS (
            DELETE FROM messaging_listentry gone USING messaging_listentry kept
            WHERE gone.contact_id = %(loser)s AND kept.contact_id = %(winner)s
              AND kept.list_id = gone.list_id
            RETURNING gone.list_id)
        UPDATE messaging_contactlist SET size = size - 1
        WHERE id IN (SELECT list_id FROM gone) AND size > 0""",
    # The line of who has a message, or was skipped, decides: else the launch sends one more.
    "messaging_campaignrecipient": """
        WITH gone AS (
            DELETE FROM messaging_campaignrecipient gone USING messaging_campaignrecipient kept
            WHERE gone.contact_id = %(loser)s AND kept.contact_id = %(winner)s
              AND kept.campaign_id = gone.campaign_id
            RETURNING gone.*)
        UPDATE messaging_campaignrecipient kept SET
            message_id = gone.message_id, skip_code = gone.skip_code
        FROM gone
        WHERE kept.contact_id = %(winner)s AND kept.campaign_id = gone.campaign_id
          AND kept.message_id IS NULL AND (kept.skip_code = '' OR gone.message_id IS NOT NULL)""",
    "messaging_portfoliorecipient": """
        WITH gone AS (
            DELETE FROM messaging_portfoliorecipient gone USING messaging_portfoliorecipient kept
            WHERE gone.contact_id = %(loser)s AND kept.contact_id = %(winner)s
              AND kept.portfolio = gone.portfolio
            RETURNING gone.*)
        UPDATE messaging_portfoliorecipient kept SET last_at = GREATEST(kept.last_at, gone.last_at)
        FROM gone
        WHERE kept.contact_id = %(winner)s AND kept.portfolio = gone.portfolio""",
    "messaging_conversation": """
        WITH gone AS (
            DELETE FROM messaging_conversation gone USING messaging_conversation kept
            WHERE gone.contact_id = %(loser)s AND kept.contact_id = %(winner)s
              AND kept.sender_id = gone.sender_id
            RETURNING gone.*)
        UPDATE messaging_conversation kept SET
            last_inbound_at = GREATEST(kept.last_inbound_at, gone.last_inbound_at),
            last_message_at = GREATEST(kept.last_message_at, gone.last_message_at),
            unread = kept.unread + gone.unread,
            is_standby = kept.is_standby OR gone.is_standby,
            assigned_to_id = COALESCE(kept.assigned_to_id, gone.assigned_to_id),
            status = CASE WHEN gone.status = 'open' THEN 'open' ELSE kept.status END
        FROM gone
        WHERE kept.contact_id = %(winner)s AND kept.sender_id = gone.sender_id""",
}

# Rows that name the contact by a plain id, without a relation.
_PLAIN: Final = ("messaging_portfoliorecipient", "messaging_queueitem")


def merge(*, winner: Contact, loser: Contact, now: datetime) -> Contact:
    """Give the winner all the loser has, and delete the loser.

    Keeps what the winner knows and fills what it does not; addresses are the caller's business.
    Writes an audit entry. Run inside the transaction that found out, with both rows locked.
    """
    with transaction.atomic():
        _repoint(winner.pk, loser.pk)
        _fill(winner, loser, now)
        Contact.objects.filter(pk=loser.pk).delete()
        winner.save(
            update_fields=[
                "name",
                "named_at",
                "language",
                "username",
                "time_zone",
                "attributes",
                "updated_at",
            ]
        )
        audit.record(
            action="contact.merged",
            resource="contact",
            resource_id=str(winner.pk),
            details={"merged": str(loser.pk)},
        )
    return winner


def relations() -> list[ForeignObjectRel]:
    """Return every relation to a contact, also those without a name on its side."""
    fields = Contact._meta.get_fields(include_hidden=True)
    return [one for one in fields if isinstance(one, ForeignObjectRel)]


def tables_with_a_contact() -> dict[str, str]:
    """Name every table that points at a contact, with the column."""
    related = {
        relation.related_model._meta.db_table: str(relation.field.column)
        for relation in relations()
        if not isinstance(relation.related_model, str) and relation.field.column
    }
    return related | dict.fromkeys(_PLAIN, "contact_id")


def _repoint(winner: UUID, loser: UUID) -> None:
    ids = {"winner": winner, "loser": loser}
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for statement in _COLLISIONS.values():
            cursor.execute(statement, ids)
        for table, column in sorted(tables_with_a_contact().items()):
            cursor.execute(
                f"UPDATE {quote(table)} SET {quote(column)} = %(winner)s"  # noqa: S608  # our own names
                f" WHERE {quote(column)} = %(loser)s",
                ids,
            )


def _fill(winner: Contact, loser: Contact, now: datetime) -> None:
    if _name_order(loser) > _name_order(winner):
        winner.name, winner.named_at = loser.name, loser.named_at
    for field in ("language", "username", "time_zone"):
        if not getattr(winner, field):
            setattr(winner, field, getattr(loser, field))
    winner.attributes = {**loser.attributes, **winner.attributes}
    winner.updated_at = now


def _name_order(contact: Contact) -> tuple[int, float, str]:
    """Order names: none, then Meta's by its time, then one the business gave."""
    if not contact.name:
        return 0, 0.0, ""
    return (1, contact.named_at.timestamp(), contact.name) if contact.named_at else (2, 0.0, "")
