"""Work that crosses businesses is counted by reason, and told to the log and to Redis."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from accounts import tenancy
from accounts.tenancy import Door
from config.lib import redis
from config.lib.postgres import doors


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Begin as a process that has opened no door yet."""
    doors._start_anew()


def opened(door: Door) -> float:
    name = "switchboard_doors_opened_total"
    return REGISTRY.get_sample_value(name, {"door": door}) or 0


@pytest.mark.parametrize("door", Door)
def test_every_opening_is_counted_by_its_reason(door: Door) -> None:
    before = opened(door)

    for _ in range(3):
        with tenancy.across(door):
            pass

    assert opened(door) == before + 3


def test_the_log_names_a_door_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    for seconds in (0, 10, 3600, 3610):
        doors.note(Door.ROUTING, now=1_000.0 + seconds)

    told = [
        record.getMessage() for record in caplog.records if "door_opened" in record.getMessage()
    ]
    assert ["'count': 1" in one or '"count": 1' in one for one in told] == [True, False]
    assert len(told) == 2


def this_hour() -> dict[str, int]:
    """Return what Redis has added up of the hour under way."""
    later = datetime.now(UTC) + timedelta(hours=1) + doors.GRACE
    return dict(doors.hours_over(later)).get(datetime.now(UTC).strftime(doors._HOUR), {})


def test_the_hour_hears_of_a_door_at_once_and_then_once_a_minute() -> None:
    heard = []
    for seconds in (0, 1, 59, 60, 61):
        doors.note(Door.ROUTING, now=1_000.0 + seconds)
        heard.append(this_hour().get("routing"))

    assert heard == [1, 1, 1, 4, 4]
    doors.tell_rest()  # as a process does that ends
    assert this_hour()["routing"] == 5


def test_what_redis_could_not_take_is_told_with_the_next(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    doors.note(Door.ROUTING, now=1_000.0)
    assert "doors_not_told" in caplog.text

    settings.REDIS_URL = url
    doors.note(Door.ROUTING, now=1_000.0 + doors.TELL_SECONDS)

    assert this_hour()["routing"] == 2


def test_a_child_tells_nothing_its_parent_counted() -> None:
    doors.note(Door.ROUTING, now=1_000.0)
    doors.note(Door.ROUTING, now=1_001.0)

    child = os.fork()
    if not child:
        os._exit(len(doors._of_hour.take()))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert doors._of_hour.take() == {"routing": 1}


def test_an_hour_is_over_when_it_is_and_until_it_is_forgotten() -> None:
    client, now = redis.client(), datetime(2026, 3, 1, 15, 2, tzinfo=UTC)
    for hour in ("2026-03-01T13:00Z", "2026-03-01T14:00Z", "2026-03-01T15:00Z"):
        client.hincrby(redis.key("doors", hour), "sweep", 7)

    early = dict(doors.hours_over(now - timedelta(seconds=1)))
    doors.forget_hour("2026-03-01T13:00Z")

    assert early == {"2026-03-01T13:00Z": {"sweep": 7}}
    assert dict(doors.hours_over(now)) == {"2026-03-01T14:00Z": {"sweep": 7}}
