"""The page of the contact policy."""

from __future__ import annotations

from datetime import time

import pytest
from django.test import Client

from accounts import tenancy
from accounts.models import Role
from compliance import policy
from compliance.models import ContactPolicy
from tests.factories.cast import Cast, make_cast

PAGE = "/admin/compliance/contactpolicy/"
WANTED = {
    "quiet_from": "21:00",
    "quiet_until": "08:00",
    "cap_messages": "2",
    "cap_days": "7",
    "block_days": "14",
    "confirms": "on",
}


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def browser(cast: Cast, role: Role) -> Client:
    client = Client()
    client.force_login(
        cast.add(role, name=f"{role}"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


def current(cast: Cast) -> policy.Policy:
    with tenancy.scope(cast.business):
        return policy.current()


def test_an_owner_sets_the_night_and_the_measure(cast: Cast) -> None:
    client = browser(cast, Role.OWNER)

    saved = client.post(PAGE, WANTED)

    assert saved.status_code == 302
    found = current(cast)
    assert found.quiet_hours
    assert (found.quiet_hours.begin, found.quiet_hours.end) == (time(21), time(8))
    assert found.cap == policy.Cap(2, 7)
    assert (found.block_days, found.confirms) == (14, True)
    assert "21:00" in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("quiet_until", "", "Give both times, or neither."),
        ("quiet_from", "19:00", "12 hours at most"),
        ("quiet_from", "08:00", "begin and end at the same time"),
        ("quiet_from", "25:99", "Enter a valid time"),
        ("cap_messages", "0", "greater than or equal to 1"),
        ("cap_days", "1000", "less than or equal to 90"),
        ("block_days", "", "required"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    cast: Cast, name: str, value: str, sentence: str
) -> None:
    answer = browser(cast, Role.OWNER).post(PAGE, WANTED | {name: value})

    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not ContactPolicy.across_businesses.exists()


def test_who_may_only_look_cannot_change(cast: Cast) -> None:
    client = browser(cast, Role.AUDITOR)

    assert client.get(PAGE).status_code == 200
    assert client.post(PAGE, WANTED).status_code in (302, 403, 405, 200)
    assert not ContactPolicy.across_businesses.exists()


def test_there_is_never_a_second_policy(cast: Cast) -> None:
    client = browser(cast, Role.OWNER)
    client.post(PAGE, WANTED)

    again = client.post(f"{PAGE}add/", WANTED | {"cap_days": "9"})

    assert again.status_code in (302, 403)
    assert ContactPolicy.across_businesses.count() == 1
