"""Members: add, change role, remove; the last owner stays."""

from typing import Any

import pytest

from accounts.models import Membership, Role, User
from accounts.signals import MemberRoleChanged, member_role_changed
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.cast import Cast, client_of

USERS = "/api/users"


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def test_the_owner_adds_someone_new(cast: Cast) -> None:
    person = {"email": "Dora@example.com", "role": "agent", "name": "Dora", "password": PASSWORD}

    added = client_of(cast.alice).post(USERS, person)

    assert added.status_code == 201
    assert added.json()["email"] == "dora@example.com"
    assert "password" not in added.json()
    assert User.objects.get(email="dora@example.com").check_password(PASSWORD)


def test_the_owner_adds_someone_who_has_an_account(cast: Cast) -> None:
    added = client_of(cast.alice).post(USERS, {"email": "charlie@example.com", "role": "auditor"})

    assert added.json()["id"] == cast.charlie.pk
    assert set(cast.charlie.memberships.values_list("role", flat=True)) == {"owner", "auditor"}


def test_a_password_of_someone_with_an_account_stays(cast: Cast) -> None:
    person = {"email": "charlie@example.com", "role": "agent", "password": "another good one 77"}

    assert client_of(cast.alice).post(USERS, person).status_code == 400
    assert User.objects.get(pk=cast.charlie.pk).check_password(PASSWORD)


def test_a_weak_password_is_refused(cast: Cast) -> None:
    person = {"email": "dora@example.com", "role": "agent", "password": "12345678"}

    refused = client_of(cast.alice).post(USERS, person)

    assert refused.status_code == 400
    assert code_of(refused) == "weak_password"
    assert not User.objects.filter(email="dora@example.com").exists()


def test_nobody_is_added_twice(cast: Cast) -> None:
    again = client_of(cast.alice).post(USERS, {"email": "bob@example.com", "role": "agent"})

    assert again.status_code == 409
    assert code_of(again) == "already_member"


def test_adding_is_announced(cast: Cast) -> None:
    heard: list[MemberRoleChanged] = []

    def hear(fact: MemberRoleChanged, **_: object) -> None:
        heard.append(fact)

    member_role_changed.connect(hear)
    client_of(cast.alice).post(USERS, {"email": "dora@example.com", "role": "agent"})
    member_role_changed.disconnect(hear)

    assert [(fact.before, fact.after) for fact in heard] == [("", "agent")]
    assert heard[0].by is not None
    assert heard[0].by.user == cast.alice


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
