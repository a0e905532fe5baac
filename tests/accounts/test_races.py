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

from accounts import approvals, holdings, invitations, members, sign_ins, tenancy
from accounts.access import Access
from accounts.models import Approval, Invitation, Membership, Role, SecurityPolicy, User
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


def test_an_invitation_is_accepted_once() -> None:
    cast = make_cast()
    given = {"email": "charlie@example.com", "role": "agent"}
    id_ = client_of(cast.alice).post("/api/invitations", given).json()["id"]
    client = client_of(cast.charlie)

    def accept() -> int:
        return int(client.post(f"/api/auth/invitations/{id_}/accept").status_code)

    codes = at_once(accept, accept, accept)

    assert codes.count(204) == 1
    assert set(codes) <= {204, 404, 409}
    with tenancy.across(tenancy.Door.COMMAND):
        rows = Membership.objects.filter(business=cast.business, user=cast.charlie)
        assert rows.count() == 1


def test_one_approval_lets_one_step_pass() -> None:
    cast = make_cast()
    dora = cast.add(Role.OWNER, name="Dora")
    with tenancy.scope(cast.business):
        SecurityPolicy.objects.create(business=cast.business, two_person=["mass_erasure"])

    @approvals.asking
    def erase() -> str:
        approvals.require(
            kind="mass_erasure",
            subject_type="erasure",
            subject_id="7",
            digest=approvals.digest_of({"the people": ["a"]}),
            by=access_of(cast, cast.alice),
            now=timezone.now(),
        )
        return "done"

    def attempt() -> str:
        with tenancy.scope(cast.business):
            try:
                return erase()
            except approvals.NeedsApproval as refused:
                return refused.code

    first = attempt()
    with tenancy.scope(cast.business):
        approvals.approve(
            approval=Approval.objects.get(), by=access_of(cast, dora), now=timezone.now()
        )
    outcomes = at_once(attempt, attempt, attempt)

    assert first == "approval_required"
    assert sorted(outcomes) == ["approval_required", "approval_required", "done"]
    with tenancy.scope(cast.business):
        states = Approval.objects.order_by("id").values_list("status", flat=True)
        assert list(states) == ["used", "open"]


def test_tokens_refreshed_while_they_are_revoked_open_nothing() -> None:
    cast = make_cast()
    token = start_family(cast.alice, now=timezone.now()).refresh

    def refresh() -> dict[str, str]:
        answer = APIClient().post("/api/auth/token/refresh", {"refresh": token})
        return dict(answer.json())

    def revoke() -> dict[str, str]:
        sign_ins.end_all(cast.alice, now=timezone.now(), reason="own_wish")
        return {}

    pair, _ = at_once(refresh, revoke)

    if "access" in pair:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
        assert client.get("/api/auth/me").status_code == 401
        again = APIClient().post("/api/auth/token/refresh", {"refresh": pair["refresh"]})
        assert again.status_code == 401


def test_who_was_removed_a_moment_ago_is_granted_nothing() -> None:
    cast = make_cast()
    client = client_of(cast.alice)
    given = {"user": cast.bob.pk, "permissions": ["reports.view"]}

    def grant() -> Any:
        try:
            return client.post("/api/permissions", given)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic(), tenancy.scope(cast.business):
            bob = Membership.objects.get(business=cast.business, user=cast.bob)
            dora = access_of(cast, cast.add(Role.OWNER, name="Dora"))
            members.remove(membership=bob, by=dora, now=timezone.now())
            answer = threads.submit(grant)
            wait_until_it_waits(answer)
        refused = answer.result()

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, "not_found")


def access_of(cast: Cast, user: User) -> Access:
    return Access(user, None, cast.business, holdings.effective(user, cast.business))


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
