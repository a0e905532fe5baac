"""Campaigns: from the launch of an audience to gated, queued rows, in one worker process."""

from __future__ import annotations

import time
from typing import Any, Final

from bench import place

PEOPLE: Final = 100_000


def measure(*, quick: bool) -> dict[str, Any]:
    """Return recipients queued per second, and of a bare INSERT ... SELECT."""
    from bench import report

    count = PEOPLE // 5 if quick else PEOPLE
    rounds = [_round(count) for _ in range(1 if quick else 3)]
    found = report.middle(rounds)
    return found | {"detail": f"{count} recipients in {count / found['rate']:.1f} s, one process"}


def _round(count: int) -> dict[str, Any]:
    from bench import rows

    rows.forget_everything()
    shop = rows.make_shop()
    rows.add_people(shop, count)
    rows.settle()
    bare = _bare(shop, count)
    rows.forget_messages()
    rows.settle()
    return {"ceiling": bare, "rate": launch(shop, count)["rate"]}


def _bare(shop: Any, count: int) -> float:
    """Return the rate of writing the same rows without asking anything."""
    from django.db import connection, transaction

    from bench import rows
    from config.lib.ids import new_ids

    campaign = rows.make_campaign(shop)
    messages = new_ids(count)
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(rows.BARE_LAUNCH, rows.bare_launch_values(shop, campaign, messages))
    return count / (time.perf_counter() - began)


def launch(shop: Any, count: int) -> dict[str, Any]:
    """Launch a campaign to everyone and do its work here."""
    from django.utils import timezone

    from accounts import tenancy
    from bench import rows
    from messaging.campaigns import fanout, run

    with tenancy.scope(shop.business):
        campaign = rows.make_campaign(shop)
        began = time.perf_counter()
        run.launch(campaign, by=run.SYSTEM, now=timezone.now())
        counts = fanout.advance(campaign.pk, clock=timezone.now, seconds=600)
        seconds = time.perf_counter() - began
    if counts["queued"] != count:
        raise place.BenchError(f"Not everyone was queued: {dict(counts)}.")
    return {"rate": count / seconds, "seconds": seconds}
