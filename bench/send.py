"""Sending: queued rows become messages the sink accepted and outcomes in the database.

The sink is the sandbox, a process of its own, which checks every message and keeps nothing
waiting. The workers are processes that each run `deliver.run` for one sender after another, as a
Celery worker of this concurrency does; gates, limits and leases are on.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from bench import isolation, place, wire

SHOPS: Final = 2
SENDERS_OF_A_SHOP: Final = 4
WORKERS: Final = 4
PATIENCE_SECONDS: Final = 300.0


def measure(*, quick: bool) -> dict[str, Any]:
    """Return messages per second, and of the bare client loop."""
    from bench import report

    count = 8_000 if quick else 24_000
    with tempfile.TemporaryDirectory() as directory:
        seed = Path(directory) / "seed.json"
        wire.write_seed(seed, SHOPS, SENDERS_OF_A_SHOP)
        rounds = [_round(seed, count) for _ in range(1 if quick else 3)]
    return report.middle(rounds) | {
        "detail": f"{count} messages, {WORKERS} worker processes, "
        f"{SHOPS * SENDERS_OF_A_SHOP} senders",
    }


def _round(seed: Path, count: int) -> dict[str, Any]:
    port = place.free_port()
    sink = ["-m", "config.dev.sandbox", "--sink", "--quiet", "--port", str(port)]
    with place.serving([*sink, "--seed-file", str(seed)], port):
        url = place.address(port)
        before = _ceiling(url, count // 2)
        sent = send(url, count)
        after = _ceiling(url, count // 2)
    return {"rate": sent, "ceiling": max(before, after)}


def _ceiling(url: str, count: int) -> float:
    child = place.Child(["-m", "bench.ceilings", "send", url, str(count)])
    found: float = place.together([child])[0]["rate"]
    return found


def send(url: str, count: int) -> float:
    """Return messages a second, sent to this sink by the workers."""
    from bench import rows

    rows.forget_everything()
    senders = []
    each = count // (SHOPS * SENDERS_OF_A_SHOP)
    for number in range(SHOPS):
        shop = rows.make_shop(number, senders=SENDERS_OF_A_SHOP)
        for place_of, sender in enumerate(shop.senders):
            contacts = rows.add_people(shop, each, first=place_of * each)
            rows.add_queue(shop, sender, contacts, first=place_of * each)
            senders.append(sender.pk)
    rows.settle()
    _remember_senders(senders)
    os.environ["META_GRAPH_URL"] = url
    children = [
        place.Child(["-m", "bench.send", *map(str, senders[one::WORKERS])])
        for one in range(WORKERS)
    ]
    began = time.perf_counter()
    answers = place.together(children)
    # The children start together, after their imports: only the sending counts.
    seconds = max(one["ended"] for one in answers) - min(one["began"] for one in answers)
    if sum(one.get("sent", 0) for one in answers) != each * len(senders):
        raise place.BenchError(f"Not every message was sent: {answers}.")
    assert time.perf_counter() - began >= seconds  # noqa: S101  # one clock for all processes
    rate: float = each * len(senders) / seconds
    return rate


def _remember_senders(senders: list[UUID]) -> None:
    """Let Redis know the senders, as it does of any that sent before."""
    from django.utils import timezone

    from messaging.senders.models import Sender
    from messaging.sending import throttle

    for sender in Sender.across_businesses.select_related("account").filter(pk__in=senders):
        throttle.rebuild(sender, now=timezone.now(), asking=[])


def _is_waiting(sender: UUID) -> bool:
    from accounts import tenancy
    from messaging.sending.models import QueueItem

    with tenancy.across(tenancy.Door.COMMAND):
        return QueueItem.objects.filter(sender_id=sender).exists()


def work(senders: list[UUID]) -> dict[str, Any]:
    """Send what these senders have queued, one sender after the other, until nothing is left."""
    from django.conf import settings
    from django.db import connection
    from django.utils import timezone

    from messaging.sending import deliver

    connection.ensure_connection()
    place.ready_to_start()
    began, total = time.perf_counter(), Counter[str]()
    for sender in senders:
        # A try that found no free connection in time waits for its next one: not done yet.
        while _is_waiting(sender) and time.perf_counter() - began < PATIENCE_SECONDS:
            total += deliver.run(sender, clock=timezone.now, seconds=settings.SEND_SLICE_SECONDS)
    return {"began": began, "ended": time.perf_counter(), **total}


if __name__ == "__main__":
    import django

    django.setup()
    isolation.leave_away_if_asked()
    place.answer(work([UUID(one) for one in sys.argv[1:]]))
