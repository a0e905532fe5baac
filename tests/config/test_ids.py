"""Identifiers sort by time, and the same facts give the same id."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import ids

NOW = datetime(2026, 11, 20, 12, 30, 15, 123_000, tzinfo=UTC)
INSTANTS = st.integers(0, 253_000_000_000_000).map(
    lambda milliseconds: datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
)


def test_new_ids_are_version_seven_and_ascend() -> None:
    made = ids.new_ids(2000)

    assert made == sorted(made)
    assert len(set(made)) == 2000
    assert {one.version for one in made} == {7}
    assert type(made[0]) is uuid.UUID


def test_an_id_tells_its_time() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    assert before <= ids.time_of(ids.new_id()) <= datetime.now(UTC)


def test_the_floor_is_the_smallest_id_of_its_millisecond() -> None:
    floor = ids.floor_of(NOW)

    assert floor.version == 7
    assert ids.time_of(floor) == NOW
    assert floor <= ids.derived_id(NOW, "a")
    assert ids.derived_id(NOW - timedelta(milliseconds=1), "a") < floor


@given(at=INSTANTS, parts=st.lists(st.text()))
def test_the_same_facts_give_the_same_id(at: datetime, parts: list[str]) -> None:
    made = ids.derived_id(at, *parts)

    assert made == ids.derived_id(at.astimezone(timezone(timedelta(hours=5))), *parts)
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert ids.time_of(made) == at


def test_parts_are_not_run_together() -> None:
    assert ids.derived_id(NOW, "ab", "c") != ids.derived_id(NOW, "a", "bc")
    assert ids.derived_id(NOW, "a") != ids.derived_id(NOW, "a", "")


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ids.floor_of(datetime(2026, 11, 20))  # noqa: DTZ001  # what is refused
