"""Businesses: open, change, suspend, close."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import businesses, idempotency
from accounts.models import Business, IdempotencyRecord, Membership, Role
from config.lib.errors import Conflict
from tests.factories.accounts import MembershipFactory, issue_key
from tests.factories.cast import Cast, client_of, client_of_key

BUSINESSES = "/api/businesses"


def test_the_platform_admin_opens_a_business_with_its_owner(cast: Cast) -> None:
    wanted = {"name": "Bob's Boats", "region": "BR", "owner_email": "bob@example.com"}

    opened = client_of(cast.paula).post(BUSINESSES, wanted)

    assert opened.status_code == 201
    assert opened.json()["slug"] == "bobs-boats"
    role = Membership.objects.get(business_id=opened.json()["id"], user=cast.bob).role
    assert role == Role.OWNER


def test_two_businesses_may_share_a_name(cast: Cast) -> None:
    slugs = [businesses.open_(name="花店").slug, businesses.open_(name="花店").slug]

    assert slugs == ["business", "business-2"]


def test_an_owner_opens_none(cast: Cast) -> None:
    assert client_of(cast.alice).post(BUSINESSES, {"name": "Two"}).status_code == 403


def test_people_see_their_own_businesses(cast: Cast) -> None:
    MembershipFactory.create(business=cast.other_business, user=cast.bob, role=Role.ANALYST)

    def names(user: Any) -> set[str]:
        rows = client_of(user).get(BUSINESSES).json()["results"]
        return {row["name"] for row in rows}

    assert names(cast.alice) == {"Alice's Flowers"}
    assert names(cast.bob) == {"Alice's Flowers", "Charlie's Cheese"}
    assert names(cast.paula) >= {"Alice's Flowers", "Charlie's Cheese"}


def test_a_key_sees_its_own_business(cast: Cast) -> None:
    client = client_of_key(issue_key(cast.business, "businesses.view"))

    rows = client.get(BUSINESSES).json()["results"]

    assert [row["id"] for row in rows] == [str(cast.business.pk)]
    assert client.get(f"{BUSINESSES}/{cast.other_business.pk}").status_code == 404


def test_the_owner_changes_settings(cast: Cast) -> None:
    changed = client_of(cast.alice).patch(
        f"{BUSINESSES}/{cast.business.pk}", {"time_zone": "America/Sao_Paulo", "region": "BR"}
    )

    assert changed.status_code == 200
    cast.business.refresh_from_db()
    assert (cast.business.time_zone, cast.business.region) == ("America/Sao_Paulo", "BR")


@pytest.mark.parametrize(
    "change",
    [
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../etc/passwd"},
        {"region": "XX"},
        {"region": "es"},
        {"name": ""},
        {"reconcile_after_seconds": 59},
        {"reconcile_after_seconds": 10**20},
    ],
)
def test_settings_that_make_no_sense_are_refused(cast: Cast, change: dict[str, object]) -> None:
    refused = client_of(cast.alice).patch(f"{BUSINESSES}/{cast.business.pk}", change)

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["attr"] in change


def test_an_agent_changes_nothing_and_a_stranger_finds_nothing(cast: Cast) -> None:
    address = f"{BUSINESSES}/{cast.business.pk}"

    assert client_of(cast.bob).patch(address, {"name": "Mine"}).status_code == 403
    assert client_of(cast.bob).get(address).status_code == 200
    assert client_of(cast.charlie).patch(address, {"name": "Mine"}).status_code == 404
    assert client_of(cast.charlie).get(address).status_code == 404


def test_only_the_platform_suspends(cast: Cast) -> None:
    address = f"{BUSINESSES}/{cast.business.pk}"

    refused = client_of(cast.alice).patch(address, {"status": "suspended", "name": "No"})
    done = client_of(cast.paula).patch(address, {"status": "suspended"})

    assert refused.status_code == 403
    assert done.json()["status"] == "suspended"
    assert done.json()["name"] == "Alice's Flowers"
    assert client_of(cast.paula).patch(address, {"status": "active"}).status_code == 200


def test_closing_is_for_good_and_ends_every_key(cast: Cast) -> None:
    secret = issue_key(cast.business, "businesses.view")

    businesses.close(business=cast.business, by=None, now=timezone.now())

    assert client_of_key(secret).get(BUSINESSES).status_code == 401
    assert Business.objects.get(pk=cast.business.pk).status == "closed"
    with pytest.raises(Conflict):
        businesses.resume(business=cast.business, by=None)


def test_answers_older_than_a_day_are_forgotten(cast: Cast) -> None:
    now = timezone.now()
    for hours, key in ((23, "fresh"), (25, "old"), (26, "older")):
        IdempotencyRecord.objects.create(
            actor="user:1", key=key, fingerprint="", created_at=now - timedelta(hours=hours)
        )

    assert idempotency.forget_expired(now=now, batch=1) == 2
    assert IdempotencyRecord.objects.get().key == "fresh"


@pytest.mark.parametrize("name", ["Two\nLines", "Two\r\nLines", "Two\u2028Lines"])
def test_the_name_of_a_business_is_one_line(cast: Cast, name: str) -> None:
    url = f"{BUSINESSES}/{cast.business.pk}"

    refused = client_of(cast.alice).patch(url, {"name": name})

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["attr"]) == (400, "name")
