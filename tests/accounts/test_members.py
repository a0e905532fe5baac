"""Members: change role, remove; the last owner stays."""

from typing import Any

import pytest

from accounts.models import Membership, Role, User
from tests.factories.accounts import UserFactory
from tests.factories.cast import Cast, client_of

USERS = "/api/users"


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def test_an_agent_manages_nobody(cast: Cast) -> None:
    client = client_of(cast.bob)

    refused = client.post(USERS, {"email": "dora@example.com", "role": "agent"})

    assert refused.status_code == 403
    assert "users.manage" in refused.json()["errors"][0]["detail"]
    assert client.get(USERS).status_code == 200


def test_a_manager_makes_and_demotes_no_owner(cast: Cast) -> None:
    client = client_of(cast.add(Role.MANAGER))

    made = client.post(USERS, {"email": "dora@example.com", "role": "owner"})
    promoted = client.patch(f"{USERS}/{cast.bob.pk}", {"role": "owner"})
    demoted = client.patch(f"{USERS}/{cast.alice.pk}", {"role": "agent"})
    removed = client.delete(f"{USERS}/{cast.alice.pk}")

    assert [r.status_code for r in (made, promoted, demoted, removed)] == [403] * 4
    assert code_of(made) == "beyond_own_permissions"
    assert client.patch(f"{USERS}/{cast.bob.pk}", {"role": "analyst"}).status_code == 200


@pytest.mark.parametrize("actor", ["alice", "paula"])
def test_the_last_owner_is_neither_demoted_nor_removed(cast: Cast, actor: str) -> None:
    client = client_of(getattr(cast, actor), cast.business)

    demoted = client.patch(f"{USERS}/{cast.alice.pk}", {"role": "agent"})
    removed = client.delete(f"{USERS}/{cast.alice.pk}")

    assert demoted.status_code == removed.status_code == 409
    assert code_of(demoted) == code_of(removed) == "last_owner"


def test_an_inactive_owner_does_not_count(cast: Cast) -> None:
    second = cast.add(Role.OWNER)
    User.objects.filter(pk=second.pk).update(is_active=False)

    assert client_of(cast.alice).delete(f"{USERS}/{cast.alice.pk}").status_code == 409


def test_one_of_two_owners_may_leave(cast: Cast) -> None:
    cast.add(Role.OWNER)

    assert client_of(cast.alice).delete(f"{USERS}/{cast.alice.pk}").status_code == 204
    assert client_of(cast.alice).get(USERS).status_code == 403


def test_a_stranger_is_a_404(cast: Cast) -> None:
    client = client_of(cast.alice)

    for user_id in (cast.charlie.pk, UserFactory.create().pk, 10**18 - 1, 0):
        assert client.get(f"{USERS}/{user_id}").status_code == 404
        assert client.delete(f"{USERS}/{user_id}").status_code == 404
    assert client.get(f"{USERS}/{'9' * 40}").status_code == 404
    assert Membership.objects.filter(user=cast.charlie).count() == 1


def test_members_can_be_filtered_and_unknown_filters_are_refused(cast: Cast) -> None:
    client = client_of(cast.alice)

    agents = client.get(USERS, {"role": "agent"}).json()["results"]

    assert [row["email"] for row in agents] == ["bob@example.com"]
    assert client.get(USERS, {"rolle": "agent"}).status_code == 400
