"""Two at once, on two connections."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Membership, Role
from accounts.tokens import start_family
from tests.factories.cast import Cast, client_of, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start together, each on its own connection."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def demote(cast: Cast, by: str, whom: str) -> Callable[[], int]:
    client, target = client_of(getattr(cast, by)), getattr(cast, whom)
    return lambda: int(client.patch(f"/api/users/{target.pk}", {"role": "agent"}).status_code)


def test_two_owners_cannot_demote_each_other() -> None:
    cast = make_cast()
    Membership.objects.filter(user=cast.bob).update(role=Role.OWNER)

    codes = at_once(demote(cast, "alice", "bob"), demote(cast, "bob", "alice"))

    owners = Membership.objects.filter(business=cast.business, role=Role.OWNER)
    assert 200 in codes
    assert owners.count() == 1


def test_a_refresh_token_is_used_once() -> None:
    cast = make_cast()
    token = start_family(cast.alice, now=timezone.now()).refresh

    def refresh() -> int:
        return int(APIClient().post("/api/auth/token/refresh", {"refresh": token}).status_code)

    assert sorted(at_once(refresh, refresh)) == [200, 401]


def test_one_person_is_invited_once() -> None:
    cast = make_cast()
    client = client_of(cast.alice)

    def add() -> int:
        person = {"email": "dora@example.com", "role": "agent"}
        return int(client.post("/api/users", person).status_code)

    assert sorted(at_once(add, add)) == [201, 409]
