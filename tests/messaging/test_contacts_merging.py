"""Two contacts who are one person: what becomes of the rows of both."""

from __future__ import annotations

import pytest
from django.apps import apps

from accounts import tenancy
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts import merging
from messaging.messages.models import Message
from messaging.webhooks.models import FormerAddress
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


def test_messages_go_along_with_their_person() -> None:
    winner = ContactFactory.create()
    loser = BsuidContactFactory.create(business=winner.business)
    message = MessageFactory.create(business=winner.business, contact=loser)
    with tenancy.scope(winner.business):
        FormerAddress.objects.create(
            business=winner.business, address="ES.1", contact=loser, changed_at=NOW
        )

        merging.merge(winner=winner, loser=loser, now=NOW)

        assert Message.objects.get(pk=message.pk).contact_id == winner.pk
        assert FormerAddress.objects.get().contact_id == winner.pk


def test_every_column_that_names_a_contact_is_known() -> None:
    columns = {
        (model._meta.db_table, field.column)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.column == "contact_id" and model._meta.app_label == "messaging"
    }

    assert columns == set(merging.tables_with_a_contact().items())


def test_every_table_with_one_row_per_contact_is_folded_on_merge() -> None:
    for relation in merging.relations():
        options = relation.related_model._meta
        rules = options.total_unique_constraints
        unique = any(relation.field.name in rule.fields for rule in rules)
        assert not unique or options.db_table in merging._COLLISIONS, options.db_table
