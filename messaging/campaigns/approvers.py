"""Whom a campaign would write to, for who decides about it: read anew at every look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from accounts.access import Access
from accounts.approvals import People, Person
from config.lib import addresses
from messaging.campaigns import audience, verdicts
from messaging.campaigns.errors import Invalid
from messaging.campaigns.models import Campaign
from messaging.campaigns.verdicts import Row
from messaging.contacts.models import Contact

SHOWN: Final = 20
_LOOK: Final = ("messages.view", "messages.bulk_send")
_NAMES: Final = "contacts.view"
_REMARK: Final = "Who has not agreed to it by then, or stopped it, gets no message."


def people_of(campaign_id: str, by: Access) -> People | None:
    """Return the first people who are still to get a message, and how many there are.

    None for a reader who may not see the campaign. Names are for who may see these contacts, or
    the list that the campaign goes to.
    """
    rows = Campaign.objects.select_related("sender", "template")
    campaign: Campaign | None = rows.filter(pk=campaign_id).first()
    if campaign is None or not any(by.allows(name, campaign) for name in _LOOK):
        return None
    try:
        judge = verdicts.readers(campaign)
    except Invalid:
        return None
    first = judge.people(after=campaign.cursor, limit=SHOWN)
    is_all = len(first) < SHOWN
    total = len(first) if is_all else judge.audience.count(after=campaign.cursor)
    return People(_people(first, is_named=_may_name(campaign, by)), total, _REMARK)


def _people(rows: Sequence[Row], *, is_named: bool) -> tuple[Person, ...]:
    names = _names(rows) if is_named else {}
    return tuple(Person(names.get(row[0], ""), addresses.mask(row[1] or row[2])) for row in rows)


def _names(rows: Sequence[Row]) -> dict[object, str]:
    return dict(Contact.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", "name"))


def _may_name(campaign: Campaign, by: Access) -> bool:
    if by.allows(_NAMES):
        return True
    return by.limit(_NAMES, audience.list_lists(campaign.audience)).exists()
