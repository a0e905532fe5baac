"""Statuses: raw bodies, one to many statuses each, become messages, log, counters, analytics.

One process applies them, as one worker of the webhook queue does. Every message is delivered and
read; the two come some hundreds of messages apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final
from uuid import UUID

from bench import place, wire

# How many statuses a body holds, in turn: mostly one, sometimes what Meta saved up.
SIZES: Final = (1, 1, 1, 3, 1, 1, 8, 1, 2, 25)
APART: Final = 500
CEILING_BATCH: Final = 1_000


def measure(*, quick: bool) -> dict[str, Any]:
    """Return statuses applied per second, and of a bare UPDATE."""
    from bench import report

    messages = 10_000 if quick else 40_000
    rounds = [_round(messages) for _ in range(1 if quick else 3)]
    return report.middle(rounds) | {
        "detail": f"{2 * messages} statuses in bodies of 1 to {max(SIZES)}, one process",
    }


def _round(count: int) -> dict[str, Any]:
    return {"ceiling": _bare(count), "rate": apply(count)}


def _sent(count: int) -> tuple[Any, list[UUID]]:
    """Write a campaign of messages Meta took."""
    from django.utils import timezone

    from accounts import tenancy
    from bench import rows
    from messaging.campaigns.models import Campaign
    from messaging.messages import tallies

    rows.forget_everything()
    shop = rows.make_shop()
    with tenancy.scope(shop.business):
        campaign = Campaign.objects.create(
            business=shop.business,
            name="Spring",
            sender=shop.senders[0],
            template=shop.template,
            status="running",
            launched_at=timezone.now(),
            fanned_out_at=timezone.now(),
        )
    messages = rows.add_sent(shop, rows.add_people(shop, count), campaign_id=campaign.pk)
    with tenancy.scope(shop.business):
        tallies.open_with(campaign.pk, {"sent": count})
    rows.settle()
    return campaign, messages


def _bare(count: int) -> float:
    """Return the rate of the statuses alone: set-based updates of the same messages."""
    from django.db import connection

    _, messages = _sent(count)
    now = datetime.now(UTC)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        for word, column in (("delivered", "delivered_at"), ("read", "read_at")):
            for first in range(0, count, CEILING_BATCH):
                batch = messages[first : first + CEILING_BATCH]
                cursor.execute(
                    f"UPDATE messaging_message m SET status = t.status, {column} = t.at "  # noqa: S608  # ours
                    "FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS t(id, status, at) "
                    "WHERE m.id = t.id",
                    [batch, [word] * len(batch), [now] * len(batch)],
                )
    return 2 * count / (time.perf_counter() - began)


def apply(count: int) -> float:
    """Return statuses applied a second."""
    from django.utils import timezone

    from bench import rows
    from messaging.messages import tallies
    from messaging.webhooks import apply as webhooks

    campaign, messages = _sent(count)
    rows.add_raw_events(list(_bodies(messages)))
    rows.settle()
    began = time.perf_counter()
    webhooks.run(clock=timezone.now, time_slice=timedelta(hours=1))
    seconds = time.perf_counter() - began
    if tallies.of(campaign.pk) != {"read": count}:
        raise place.BenchError(f"Not every status was applied: {tallies.of(campaign.pk)}.")
    return 2 * count / seconds


def _bodies(messages: list[UUID]) -> Iterator[bytes]:
    """Yield bodies of mixed sizes with every status."""
    statuses = iter(list(_statuses(messages)))
    for size in cycle(SIZES):
        found = list(islice(statuses, size))
        if not found:
            return
        yield wire.status_body(found)


def _statuses(messages: list[UUID]) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    for place_of, message_id in enumerate(messages):
        yield wire.status(message_id, place_of, "delivered", now)
        if place_of >= APART:
            yield wire.status(messages[place_of - APART], place_of - APART, "read", now)
    for place_of in range(max(0, len(messages) - APART), len(messages)):
        yield wire.status(messages[place_of], place_of, "read", now)
