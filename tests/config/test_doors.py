"""Work that crosses businesses is counted by reason, and told to the log once an hour."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from accounts import tenancy
from accounts.tenancy import Door
from config.lib.postgres import doors


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


def test_the_log_names_a_door_once_an_hour(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [1_000.0]
    monkeypatch.setattr(doors, "monotonic", lambda: clock[0])
    doors._last_told.clear()
    doors._since.clear()
    caplog.set_level("INFO")

    for seconds in (0, 10, 3600, 3610):
        clock[0] = 1_000.0 + seconds
        doors.note(Door.ROUTING)

    told = [
        record.getMessage() for record in caplog.records if "door_opened" in record.getMessage()
    ]
    assert ["'count': 1" in one or '"count": 1' in one for one in told] == [True, False]
    assert len(told) == 2
