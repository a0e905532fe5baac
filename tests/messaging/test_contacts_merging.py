"""Two contacts who are one person: what becomes of the rows of both."""

from __future__ import annotations

import pytest

from accounts import tenancy
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts import merging
from messaging.contacts.models import Contact
from tests.factories.contacts import BsuidContactFactory
from tests.factories.messaging import ContactFactory, MessageFactory
from tests.factories.templates import TemplateFactory
from tests.messaging.webhook_events import NOW

pytestmark = pytest.mark.django_db


def test_who_got_a_campaigns_message_under_either_address_has_got_it() -> None:
    """The line that is kept would else still wait for the launch, and a second message."""
    winner = ContactFactory.create()
    loser = BsuidContactFactory.create(business=winner.business)
    message = MessageFactory.create(business=winner.business, contact=loser)
    with tenancy.scope(winner.business):
        campaign = Campaign.objects.create(
            business=winner.business,
            name="Sale",
            sender=message.sender,
            template=TemplateFactory.create(business=winner.business),
        )
        waiting = CampaignRecipient.objects.create(campaign=campaign, contact=winner)
        CampaignRecipient.objects.create(campaign=campaign, contact=loser, message_id=message.pk)

        merging.merge(winner=winner, loser=loser, now=NOW)

    [line] = CampaignRecipient.objects.all()
    assert (line.pk, line.message_id) == (waiting.pk, message.pk)


def test_every_table_with_one_row_per_contact_is_folded_on_merge() -> None:
    for relation in Contact._meta.related_objects:
        options = relation.related_model._meta
        rules = options.total_unique_constraints
        unique = any(relation.field.name in rule.fields for rule in rules)
        assert not unique or options.db_table in merging._COLLISIONS, options.db_table
