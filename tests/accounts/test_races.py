"""Two at once, on two connections."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import invitations, tenancy
from accounts.models import Invitation, Membership, Role, User
from accounts.tokens import start_family
from tests.factories.accounts import PASSWORD
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


@pytest.mark.parametrize("is_page", [False, True])
def test_who_joins_twice_at_once_is_asked_to_sign_in(is_page: bool) -> None:
    cast = make_cast()
    client_of(cast.alice).post("/api/invitations", {"email": "dora@example.com", "role": "agent"})
    link = invitations.link_of(Invitation.across_businesses.get())
    token = link.rstrip("/").rpartition("/")[2]

    def second() -> Any:
        given = {"name": "Dora", "password": PASSWORD}
        try:
            if is_page:
                return Client().post(f"/invitation/{token}/", given)
            return APIClient().post("/api/auth/invitations/join", given | {"token": token})
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            User.objects.create_user("dora@example.com", PASSWORD)
            answer = threads.submit(second)
            wait_until_it_waits(answer)
        refused = answer.result()

    if is_page:
        assert refused.status_code == 400
        assert "Sign in with this address" in refused.content.decode()
    else:
        assert refused.status_code == 409
        assert refused.json()["errors"][0]["code"] == "sign_in_first"
    with tenancy.across(tenancy.Door.COMMAND):
        assert not Membership.objects.filter(user__email="dora@example.com").exists()


def wait_until_it_waits(answer: Future[Any]) -> None:
    """Return when somebody waits for us, or the answer is there."""
    with connection.cursor() as cursor:
        while not answer.done():
            cursor.execute(
                "SELECT count(*) FROM pg_locks "
                "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
