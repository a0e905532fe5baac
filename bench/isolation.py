"""Isolation in the database: the hot paths with row-level security and without it.

Without means that the policies of every table are switched off and that statements carry no
preface: the connection is told whose rows it writes when that changes. With and without take
turns on the same rows, so that what else the machine does meets both.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench import place, wire

# Tells the processes that send; `bench.send` asks for it.
PREFACE: Final = "BENCH_WITHOUT_PREFACE"
_TABLES: Final = (
    "SELECT quote_ident(relname) FROM pg_class WHERE relforcerowsecurity AND relkind IN ('r', 'p')"
)


def measure(*, quick: bool) -> dict[str, Any]:
    """Return the worst rate with isolation over the one without, and every path's."""
    rounds = [_round(quick=quick, with_first=turn % 2 == 0) for turn in range(1 if quick else 5)]
    shares = {
        name: round(statistics.median(one[name][0] / one[name][1] for one in rounds), 3)
        for name in rounds[0]
    }
    worst = min(shares, key=lambda name: shares[name])
    return {
        "rate": shares[worst],
        "shares": shares,
        "rounds": [{name: [round(rate) for rate in one[name]] for name in one} for one in rounds],
        "detail": ", ".join(f"{name} {share:.2f}" for name, share in shares.items()),
    }


def _round(*, quick: bool, with_first: bool) -> dict[str, tuple[float, float]]:
    """Return each path's rate with isolation and without."""
    found = {}
    for name, path in _paths(quick=quick).items():
        if with_first:
            protected, bare = path(), _bare(path)
        else:
            bare, protected = _bare(path), path()
        found[name] = (protected, bare)
    return found


def _bare(path: Callable[[], float]) -> float:
    with switched_off():
        return path()


def _paths(*, quick: bool) -> Mapping[str, Callable[[], float]]:
    """Return what is measured, by name; each returns a rate."""
    from bench import statuses

    return {
        "send": lambda: _send(4_000 if quick else 16_000),
        "statuses": lambda: statuses.apply(5_000 if quick else 20_000),
        "launch": lambda: _launch(10_000 if quick else 50_000),
        "lists": lambda: _lists(100 if quick else 400),
    }


@contextmanager
def switched_off() -> Iterator[None]:
    """Take policies and prefaces away while the block lasts."""
    from config.lib.postgres import sight

    _alter("DISABLE")
    preface = sight.preface
    sight.preface = Told(preface)
    os.environ[PREFACE] = "1"
    try:
        yield
    finally:
        del os.environ[PREFACE]
        sight.preface = preface
        _alter("ENABLE")


class Told:
    """A preface that is said only when it differs from the last one, to the whole connection."""

    def __init__(self, preface: Callable[[], bytes]) -> None:
        self._preface = preface
        self._last = b""

    def __call__(self) -> bytes:
        """Return what the connection does not know yet."""
        wanted = self._preface()
        if wanted == self._last:
            return b""
        self._last = wanted
        return wanted.replace(b"SET LOCAL", b"SET")


def leave_away_if_asked() -> None:
    """Leave the prefaces away in a process that was started without isolation."""
    from config.lib.postgres import sight

    if PREFACE in os.environ:
        sight.preface = Told(sight.preface)


def _alter(word: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [name for (name,) in cursor.fetchall()]
    place.as_owner(*(f"ALTER TABLE {name} {word} ROW LEVEL SECURITY" for name in tables))


def _send(count: int) -> float:
    from bench import send

    port = place.free_port()
    sink = ["-m", "config.dev.sandbox", "--sink", "--quiet", "--port", str(port)]
    with tempfile.TemporaryDirectory() as directory:
        seed = Path(directory) / "seed.json"
        wire.write_seed(seed, send.SHOPS, send.SENDERS_OF_A_SHOP)
        with place.serving([*sink, "--seed-file", str(seed)], port):
            return send.send(place.address(port), count)


def _launch(count: int) -> float:
    from bench import launch, rows

    rows.forget_everything()
    shop = rows.make_shop()
    rows.add_people(shop, count)
    rows.settle()
    rate: float = launch.launch(shop, count)["rate"]
    return rate


def _lists(pages: int) -> float:
    """Return pages a second of fifty messages and fifty people, as the API reads them."""
    from accounts import tenancy
    from bench import rows
    from messaging.contacts.models import Contact
    from messaging.messages import reading

    rows.forget_everything()
    for number in range(2):
        shop = rows.make_shop(number)
        rows.add_sent(shop, rows.add_people(shop, 20_000, first=number * 20_000))
    rows.settle()
    began = time.perf_counter()
    with tenancy.scope(shop.business):
        for _ in range(pages):
            list(reading.of_business().order_by("-id")[:50])
            list(Contact.objects.order_by("-id")[:50])
    return 2 * pages / (time.perf_counter() - began)
