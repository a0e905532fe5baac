"""Grants: for one object, until a day, never beyond what the giver holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from guardian.shortcuts import get_objects_for_user

from accounts import grants, roles, tenancy
from accounts.models import Grant, Role
from accounts.signals import PermissionsChanged, permissions_changed
from messaging.senders.models import Sender
from tests.factories.accounts import full_access
from tests.factories.cast import Cast, client_of
from tests.factories.contacts import ContactListFactory
from tests.factories.messaging import SenderFactory

PERMISSIONS = "/api/permissions"


@pytest.fixture
def sender(cast: Cast) -> Sender:
    return SenderFactory.create(business=cast.business)


def grant(cast: Cast, **body: Any) -> Any:
    return client_of(cast.alice).post(PERMISSIONS, {"user": cast.bob.pk, **body})


def about(sender: Sender) -> dict[str, str]:
    return {"type": "sender", "id": str(sender.pk)}


def ask(cast: Cast, permission: str, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (
        client_of(cast.bob).post(f"{PERMISSIONS}/check", {"permission": permission, **body}).json()
    )
    return answer


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def test_a_permission_for_one_sender_is_held_for_no_other(cast: Cast, sender: Sender) -> None:
    other = SenderFactory.create(business=cast.business)

    given = grant(cast, permissions=["rate_limits.manage"], object=about(sender))

    assert given.status_code == 200
    assert "rate_limits.manage" not in given.json()["permissions"]
    assert given.json()["because"]["rate_limits.manage"] == f"granted for sender {sender.pk}"
    (row,) = given.json()["grants"]
    assert (row["object"], row["given_by"]) == (about(sender), cast.alice.pk)
    assert ask(cast, "rate_limits.manage", object=about(sender)) == {
        "allowed": True,
        "because": f"granted for sender {sender.pk}",
    }
    assert not ask(cast, "rate_limits.manage", object=about(other))["allowed"]
    assert ask(cast, "rate_limits.manage") == {
        "allowed": False,
        "because": f"only granted for sender {sender.pk}: name the object",
    }


def test_guardian_knows_the_same_objects(cast: Cast, sender: Sender) -> None:
    SenderFactory.create(business=cast.business)
    grant(cast, permissions=["rate_limits.manage"], object=about(sender))

    with tenancy.scope(cast.business):
        found = get_objects_for_user(
            cast.bob, "messaging.rate_limits.manage", klass=Sender, accept_global_perms=False
        )

        assert list(found) == [sender]


def test_a_grant_ends_by_itself(cast: Cast) -> None:
    end = timezone.now() + timedelta(days=2)

    given = grant(cast, permissions=["audit.view"], expires_at=end.isoformat())

    until = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert given.json()["because"]["audit.view"] == f"granted until {until}"
    assert client_of(cast.bob).get("/api/audit/logs").status_code != 403
    Grant.across_businesses.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client_of(cast.bob).get("/api/audit/logs").status_code in {403, 404}
    assert not ask(cast, "audit.view")["allowed"]
    assert client_of(cast.alice).get(f"{PERMISSIONS}/{cast.bob.pk}").json()["grants"] == []


def test_the_end_of_a_grant_is_announced_once_and_its_row_goes(cast: Cast) -> None:
    grant(cast, permissions=["audit.view", "api_keys.view"])
    Grant.across_businesses.filter(permission__codename="audit.view").update(
        expires_at=timezone.now()
    )

    with heard() as facts:
        ended = [grants.end_expired(now=timezone.now()) for _ in range(2)]

    assert ended == [1, 0]
    assert [(fact.taken, fact.by) for fact in facts] == [(("audit.view",), None)]
    assert [row.permission.codename for row in Grant.across_businesses.all()] == ["api_keys.view"]


def test_a_grant_that_ended_can_be_given_again(cast: Cast) -> None:
    grant(cast, permissions=["audit.view"])
    Grant.across_businesses.update(expires_at=timezone.now())

    again = grant(cast, permissions=["audit.view"])

    assert again.json()["because"]["audit.view"] == "granted"


def test_nobody_gives_for_longer_than_they_hold(cast: Cast) -> None:
    mara = cast.add(Role.MANAGER)
    friday, later = (timezone.now() + timedelta(days=days) for days in (3, 30))
    client_of(cast.alice).post(
        PERMISSIONS,
        {"user": mara.pk, "permissions": ["api_keys.manage"], "expires_at": friday.isoformat()},
    )
    client, wanted = client_of(mara), {"user": cast.bob.pk, "permissions": ["api_keys.manage"]}

    refused = [
        client.post(PERMISSIONS, wanted),
        client.post(PERMISSIONS, wanted | {"expires_at": later.isoformat()}),
    ]
    allowed = client.post(PERMISSIONS, wanted | {"expires_at": friday.isoformat()})

    assert [code_of(one) for one in refused] == ["beyond_own_permissions"] * 2
    assert allowed.status_code == 200


def test_what_is_lent_until_a_day_makes_no_owner(cast: Cast) -> None:
    mara = cast.add(Role.MANAGER)
    lent = sorted(roles.of_role("owner") - roles.of_role("manager"))
    grant(cast, user=mara.pk, permissions=lent, expires_at="2090-01-01T00:00:00Z")
    client = client_of(mara)

    refused = [
        client.patch(f"/api/users/{cast.bob.pk}", {"role": "owner"}),
        client.patch(f"/api/users/{mara.pk}", {"role": "owner"}),
        client.post("/api/invitations", {"email": "friend@example.com", "role": "owner"}),
    ]

    assert [code_of(one) for one in refused] == ["beyond_own_permissions"] * 3


def test_replacing_for_one_object_leaves_the_rest(cast: Cast, sender: Sender) -> None:
    grant(cast, permissions=["audit.view"])
    grant(cast, permissions=["rate_limits.manage"], object=about(sender))
    client, address = client_of(cast.alice), f"{PERMISSIONS}/{cast.bob.pk}"

    one = client.put(address, {"permissions": ["messages.bulk_send"], "object": about(sender)})
    everything = client.put(address, {"permissions": ["api_keys.view"]})

    named = {(row["permission"], bool(row["object"])) for row in one.json()["grants"]}
    assert named == {("audit.view", False), ("messages.bulk_send", True)}
    left = [(row["permission"], row["object"]) for row in everything.json()["grants"]]
    assert left == [("api_keys.view", None)]


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"object": {"type": "sender", "id": "x"}}, "unknown_object", "object.id"),
        ({"object": {"type": "king", "id": "x"}}, "unknown_object_type", "object.type"),
        ({"object": {"type": "sender"}}, "required", "object.id"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid", "expires_at"),
        ({"expires_at": "tomorrow"}, "invalid", "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "too_far_ahead", "expires_at"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    cast: Cast, body: dict[str, Any], code: str, attr: str
) -> None:
    refused = grant(cast, permissions=["rate_limits.manage"], **body)

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"], error["attr"]) == (400, code, attr)
    assert not Grant.across_businesses.exists()


def test_a_foreign_object_is_answered_like_none(cast: Cast) -> None:
    foreign = SenderFactory.create(business=cast.other_business)

    refused = grant(cast, permissions=["rate_limits.manage"], object=about(foreign))

    assert code_of(refused) == "unknown_object"


def test_what_cannot_be_held_for_one_object_is_refused(cast: Cast) -> None:
    made = ContactListFactory.create(business=cast.business)

    refused = grant(
        cast, permissions=["audit.view"], object={"type": "contact_list", "id": str(made.pk)}
    )

    assert code_of(refused) == "not_for_object"
    assert "contacts.manage" in refused.json()["errors"][0]["detail"]


def test_a_role_has_neither_an_object_nor_an_end(cast: Cast, sender: Sender) -> None:
    for rest in ({"object": about(sender)}, {"expires_at": "2090-01-01T00:00:00Z"}):
        assert code_of(grant(cast, role="manager", **rest)) == "without_permissions"


def test_single_grants_are_taken_back(cast: Cast, sender: Sender) -> None:
    grant(cast, permissions=["rate_limits.manage"], object=about(sender))
    (row,) = Grant.across_businesses.all()
    membership = cast.bob.memberships.get()

    with tenancy.scope(cast.business), heard() as facts:
        taken = grants.take(
            membership=membership,
            grant_ids=[row.pk, row.pk + 1],
            by=full_access(cast.business),
            now=timezone.now(),
        )

    assert taken == 1
    assert [(fact.taken, fact.object_id) for fact in facts] == [
        (("rate_limits.manage",), str(sender.pk))
    ]


class heard:  # noqa: N801  # reads as a sentence
    """Collect what is announced about permissions."""

    def __enter__(self) -> list[PermissionsChanged]:
        self.facts: list[PermissionsChanged] = []
        self.hear: Callable[..., None] = lambda fact, **_: self.facts.append(fact)
        permissions_changed.connect(self.hear)
        return self.facts

    def __exit__(self, *_: object) -> None:
        permissions_changed.disconnect(self.hear)
