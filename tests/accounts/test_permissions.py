"""Permissions beside the role: granted, replaced, revoked, explained."""

from typing import Any

import pytest

from accounts import roles
from accounts.models import Role
from accounts.signals import PermissionsChanged, permissions_changed
from tests.factories.accounts import MembershipFactory, issue_key
from tests.factories.cast import Cast, client_of, client_of_key

PERMISSIONS = "/api/permissions"


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def test_a_granted_permission_works_at_once_and_is_explained(cast: Cast) -> None:
    before = client_of(cast.bob).get("/api/api-keys").status_code
    wanted = {"user": cast.bob.pk, "permissions": ["api_keys.view", "messages.view"]}

    given = client_of(cast.alice).post(PERMISSIONS, wanted)

    after = client_of(cast.bob).get("/api/api-keys").status_code
    assert (before, given.status_code, after) == (403, 200, 200)
    assert given.json()["sources"]["api_keys.view"] == ["granted"]
    assert given.json()["sources"]["messages.view"] == ["role:agent", "granted"]
    assert given.json()["sources"]["messages.send"] == ["role:agent"]


def test_a_grant_holds_in_one_business_only(cast: Cast) -> None:
    client_of(cast.alice).post(PERMISSIONS, {"user": cast.bob.pk, "permissions": ["api_keys.view"]})
    MembershipFactory.create(business=cast.other_business, user=cast.bob, role=Role.AGENT)

    elsewhere = client_of(cast.bob, cast.other_business).get("/api/api-keys")

    assert elsewhere.status_code == 403


def test_replacing_takes_back_what_is_left_out(cast: Cast) -> None:
    client, address = client_of(cast.alice), f"{PERMISSIONS}/{cast.bob.pk}"
    client.put(address, {"permissions": ["api_keys.view", "audit.view"]})

    put = client.put(address, {"role": "analyst", "permissions": ["audit.view"]})

    assert put.json()["role"] == "analyst"
    granted = [name for name, why in put.json()["sources"].items() if "granted" in why]
    assert granted == ["audit.view"]


def test_nobody_grants_what_they_do_not_hold(cast: Cast) -> None:
    manager = client_of(cast.add(Role.MANAGER))

    for permissions in (["backups.restore"], ["businesses.manage"]):
        wanted = {"user": cast.bob.pk, "permissions": permissions}
        refused = manager.post(PERMISSIONS, wanted)
        assert refused.status_code == 403
        assert code_of(refused) == "beyond_own_permissions"


@pytest.mark.parametrize("name", sorted(roles.PLATFORM_ONLY))
def test_what_is_for_platform_admins_is_granted_to_nobody(cast: Cast, name: str) -> None:
    client, address = client_of(cast.paula, cast.business), f"{PERMISSIONS}/{cast.bob.pk}"
    wanted = {"user": cast.bob.pk, "permissions": ["audit.view", name]}

    for refused in (client.post(PERMISSIONS, wanted), client.put(address, wanted)):
        assert refused.status_code == 400
        (error,) = refused.json()["errors"]
        assert (error["code"], error["attr"]) == ("platform_only", "permissions")
        assert name in error["detail"]


def test_nobody_takes_what_they_do_not_hold(cast: Cast) -> None:
    address = f"{PERMISSIONS}/{cast.bob.pk}"
    client_of(cast.alice).put(address, {"permissions": ["businesses.manage"]})
    manager = client_of(cast.add(Role.MANAGER))

    assert manager.put(address, {"permissions": []}).status_code == 403
    assert manager.delete(address).status_code == 403


def test_revoking_all_ends_the_membership_and_its_grants(cast: Cast) -> None:
    client, address = client_of(cast.alice), f"{PERMISSIONS}/{cast.bob.pk}"
    client.put(address, {"permissions": ["audit.view"]})

    gone = client.delete(address)
    MembershipFactory.create(business=cast.business, user=cast.bob, role=Role.AGENT)

    assert gone.status_code == 204
    assert "audit.view" not in client.get(address).json()["permissions"]


def test_the_last_owner_keeps_the_business(cast: Cast) -> None:
    client, address = client_of(cast.alice), f"{PERMISSIONS}/{cast.alice.pk}"

    refusals = [client.delete(address), client.put(address, {"role": "agent"})]

    assert [code_of(refused) for refused in refusals] == ["last_owner"] * 2


def test_a_stranger_is_a_404(cast: Cast) -> None:
    client = client_of(cast.alice)

    assert client.get(f"{PERMISSIONS}/{cast.charlie.pk}").status_code == 404
    wanted = {"user": cast.charlie.pk, "role": "agent"}
    assert client.post(PERMISSIONS, wanted).status_code == 404


def test_the_matrix_names_six_roles_and_every_permission(cast: Cast) -> None:
    matrix = client_of(cast.alice).get(f"{PERMISSIONS}/roles").json()

    assert matrix["roles"][0]["role"] == "platform_admin"
    assert len(matrix["roles"]) == 6
    assert set(matrix["roles"][0]["permissions"]) == set(matrix["permissions"])


def test_assigning_reports_each_user(cast: Cast) -> None:
    users = [cast.bob.pk, cast.alice.pk, cast.charlie.pk, cast.bob.pk]

    results = client_of(cast.alice).post(
        f"{PERMISSIONS}/assign", {"users": users, "role": "manager"}
    )

    assert [(row["user"], row["done"], row["code"]) for row in results.json()["results"]] == [
        (cast.bob.pk, True, None),
        (cast.alice.pk, False, "last_owner"),
        (cast.charlie.pk, False, "not_found"),
    ]


def test_anyone_may_ask_about_themselves(cast: Cast) -> None:
    def ask(client: Any, permission: str) -> dict[str, object]:
        answer: dict[str, object] = client.post(
            f"{PERMISSIONS}/check", {"permission": permission}
        ).json()
        return answer

    bob = client_of(cast.bob)
    assert ask(bob, "messages.send") == {"allowed": True, "because": "role:agent"}
    assert ask(bob, "audit.view") == {
        "allowed": False,
        "because": "not held: role:agent does not give it, and nobody granted it",
    }
    key = client_of_key(issue_key(cast.business, "audit.view"))
    assert ask(key, "audit.view") == {"allowed": True, "because": "api_key"}
    paula = client_of(cast.paula, cast.business)
    assert ask(paula, "backups.restore") == {"allowed": True, "because": "role:platform_admin"}


def test_asking_about_others_needs_the_right(cast: Cast) -> None:
    about_bob = {"user": cast.bob.pk, "permission": "messages.send"}
    about_alice = {"user": cast.alice.pk, "permission": "messages.send"}

    assert client_of(cast.alice).post(f"{PERMISSIONS}/check", about_bob).json()["allowed"]
    assert client_of(cast.bob).post(f"{PERMISSIONS}/check", about_alice).status_code == 403


@pytest.mark.parametrize(
    "body",
    [{}, {"permissions": ["no.such"]}, {"role": "king"}, {"object": {"type": "x", "id": "1"}}],
)
def test_grants_that_make_no_sense_are_refused(cast: Cast, body: dict[str, object]) -> None:
    refused = client_of(cast.alice).post(PERMISSIONS, {"user": cast.bob.pk, **body})

    assert refused.status_code == 400


def test_a_change_is_announced_with_what_changed(cast: Cast) -> None:
    heard: list[PermissionsChanged] = []

    def hear(fact: PermissionsChanged, **_: object) -> None:
        heard.append(fact)

    client, address = client_of(cast.alice), f"{PERMISSIONS}/{cast.bob.pk}"
    permissions_changed.connect(hear)
    for permissions in (["audit.view"], ["audit.view"], ["users.manage"]):
        client.put(address, {"permissions": permissions})
    permissions_changed.disconnect(hear)

    assert [(fact.given, fact.taken) for fact in heard] == [
        (("audit.view",), ()),
        (("users.manage",), ("audit.view",)),
    ]


def test_who_may_not_sign_in_may_do_nothing(cast: Cast) -> None:
    cast.bob.is_active = False
    cast.bob.save(update_fields=["is_active"])
    asked = {"user": cast.bob.pk, "permission": "messages.send"}

    answer = client_of(cast.alice).post("/api/permissions/check", asked).json()

    assert answer == {"allowed": False, "because": "not held: no member, or not active"}
