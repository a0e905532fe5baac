"""Campaigns of a business that can send, and many people at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from config.lib.ids import new_ids
from messaging.campaigns import fanout, run, verdicts
from messaging.campaigns.models import Campaign
from messaging.campaigns.recipients import Recipient
from messaging.senders.models import Sender
from templates_mgmt.models import Template
from tests.factories.compliance import opt_in

BY = run.Actor(name="a test")


def draft(
    sender: Sender,
    template: Template,
    *,
    audience: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    recipients: Sequence[Recipient] | None = None,
    **options: Any,
) -> Campaign:
    """Return a draft to this audience, everyone unless told otherwise."""
    with tenancy.scope(sender.business_id):
        return run.create(
            run.Plan(
                name="Autumn",
                sender=sender,
                template=template,
                audience=audience or ({} if recipients else {"all": True}),
                variables=variables or {},
                recipients=recipients,
                **options,
            ),
            by=BY,
            now=timezone.now(),
        )


def launch(campaign: Campaign) -> Campaign:
    """Launch it and queue its whole audience here."""
    with tenancy.scope(campaign.business_id):
        run.launch(campaign, by=BY, now=timezone.now())
    advance(campaign)
    return reload(campaign)


def advance(campaign: Campaign, *, seconds: float = 60, size: int = verdicts.PAGE) -> Any:
    """Do the campaign's job here; return its counts."""
    with tenancy.scope(campaign.business_id):
        return fanout.advance(campaign.pk, clock=timezone.now, seconds=seconds, size=size)


def reload(campaign: Campaign) -> Campaign:
    """Return the campaign as stored."""
    found: Campaign = Campaign.across_businesses.select_related("sender", "template").get(
        pk=campaign.pk
    )
    return found


def crowd(business: Business, size: int, *, agreed: bool = True, first: int = 0) -> list[UUID]:
    """Write many contacts named after their number, opted in to everything unless told not to."""
    ids = new_ids(size)
    numbers = [f"+34600{number:06d}" for number in range(first, first + size)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_contact (id, business_id, name, phone, phone_key, wa_id, "
            "username, language, country, time_zone, attributes, updated_at) "
            "SELECT id, %s, 'Person ' || right(phone, 6), phone, phone, '', '', 'es', 'ES', '', "
            """jsonb_build_object('city', 'Lima'), now() """
            "FROM unnest(%s::uuid[], %s::text[]) AS t(id, phone)",
            [business.pk, ids, numbers],
        )
    if agreed:
        _agree(business, numbers)
    return ids


def _agree(business: Business, numbers: list[str]) -> None:
    """Opt many people in at once: the state alone, all from the event of the first."""
    events = opt_in(business, numbers[0])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO compliance_consent "
            "(business_id, address, scope, status, changed_at, event_id) "
            "SELECT %s, phone, scope, 'opted_in', now(), event "
            "FROM unnest(%s::text[]) AS t(phone), "
            "unnest(%s::text[], %s::uuid[]) AS s(scope, event) "
            "ON CONFLICT DO NOTHING",
            [
                business.pk,
                numbers,
                [event.scope for event in events],
                [event.pk for event in events],
            ],
        )
