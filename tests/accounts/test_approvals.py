"""The two-person rule: who asks, who decides, and what an approval is good for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts import api_keys, approvals, holdings, security, tenancy
from accounts.access import Access
from accounts.approvals import (
    ApprovalRequired,
    ApprovalVoid,
    Asks,
    NoLongerOpen,
    NotYours,
    asking,
    digest_of,
)
from accounts.models import ApiKey, Approval, Invitation, Membership, Role, SecurityPolicy, User
from compliance.models import AuditEntry
from config.lib.errors import InvalidInput, NotAllowed, NotFound
from tests.factories.cast import Cast, client_of, client_of_key

PARTS = {"the people": ["a", "b"], "the reason": "asked to"}


@pytest.fixture(autouse=True)
def in_business(cast: Cast) -> Iterator[None]:
    """Work in Alice's business, which wants two people for an erasure of many."""
    with tenancy.scope(cast.business):
        SecurityPolicy.objects.create(
            business=cast.business, two_person=["mass_erasure", "campaign"]
        )
        yield


@pytest.fixture
def dora(cast: Cast) -> User:
    """Return a second owner."""
    return cast.add(Role.OWNER, name="Dora")


def access_of(cast: Cast, user: User) -> Access:
    return Access(user, None, cast.business, holdings.effective(user, cast.business))


@asking
def erase(
    by: Access | None,
    *,
    parts: Mapping[str, object] = PARTS,
    now: datetime | None = None,
    kind: str = "mass_erasure",
) -> str:
    approvals.require(
        kind=kind,
        subject_type="erasure",
        subject_id="7",
        digest=digest_of(parts),
        by=by,
        now=now or timezone.now(),
        asks=Asks("Erase two people", (("People", "2"),)),
    )
    return "done"


def asked(cast: Cast, **options: Any) -> Approval:
    with pytest.raises(ApprovalRequired):
        erase(access_of(cast, cast.alice), **options)
    found: Approval = Approval.objects.get(status="open")
    return found


def approve(cast: Cast, row: Approval, by: User, now: datetime | None = None) -> Approval:
    return approvals.approve(approval=row, by=access_of(cast, by), now=now or timezone.now())


def codes() -> list[str]:
    return list(Approval.objects.order_by("id").values_list("status", flat=True))


def test_what_the_business_does_not_give_to_two_people_passes(cast: Cast) -> None:
    SecurityPolicy.objects.update(two_person=[])

    assert erase(access_of(cast, cast.alice)) == "done"
    assert codes() == []


def test_the_first_try_asks_a_second_person(cast: Cast) -> None:
    row = asked(cast)

    assert (row.title, row.summary) == ("Erase two people", [["People", "2"]])
    assert (row.requested_by, row.requester) == (cast.alice, "Alice")


def test_asking_twice_points_at_the_same_request(cast: Cast) -> None:
    row = asked(cast)

    with pytest.raises(ApprovalRequired) as again:
        erase(access_of(cast, cast.alice))

    assert again.value.extra["approval"] == str(row.pk)
    assert codes() == ["open"]


def test_what_another_owner_approved_is_done_once(cast: Cast, dora: User) -> None:
    approve(cast, asked(cast), dora)

    assert erase(access_of(cast, cast.alice)) == "done"
    with pytest.raises(ApprovalRequired):
        erase(access_of(cast, cast.alice))
    assert codes() == ["used", "open"]


def test_nobody_approves_their_own_request(cast: Cast) -> None:
    with pytest.raises(NotYours):
        approve(cast, asked(cast), cast.alice)


def test_a_key_asks_for_who_issued_it(cast: Cast, dora: User) -> None:
    key = ApiKey.objects.create(
        business=cast.business, name="Robot", prefix="sb_1", digest="1", created_by=cast.alice
    )
    with pytest.raises(ApprovalRequired):
        erase(Access(None, key, cast.business, frozenset({"privacy.manage"})))
    row = Approval.objects.get()

    with pytest.raises(NotYours):
        approve(cast, row, cast.alice)
    assert approve(cast, row, dora).status == "approved"


def test_a_key_approves_nothing(cast: Cast) -> None:
    row = asked(cast)
    issued = api_keys.issue(
        name="Robot",
        permissions=["privacy.manage"],
        by=access_of(cast, cast.add(Role.OWNER, name="Dora")),
        now=timezone.now(),
    )

    refused = client_of_key(issued.secret).post(f"/api/approvals/{row.pk}/approve")

    assert refused.status_code == 403
    assert refused.json()["errors"][0]["code"] == "person_required"


def test_who_may_not_do_it_does_not_approve_it(cast: Cast) -> None:
    manager = cast.add(Role.MANAGER)

    with pytest.raises(NotAllowed, match=r"privacy\.manage"):
        approve(cast, asked(cast), manager)


def test_who_approved_does_not_do_it_themselves(cast: Cast, dora: User) -> None:
    approve(cast, asked(cast), dora)

    with pytest.raises(ApprovalRequired, match="somebody else"):
        erase(access_of(cast, dora))
    assert erase(access_of(cast, cast.alice)) == "done"


def test_a_change_voids_the_approval_and_is_named(cast: Cast, dora: User) -> None:
    approve(cast, asked(cast), dora)

    with pytest.raises(ApprovalVoid) as refused:
        erase(access_of(cast, cast.alice), parts=PARTS | {"the people": ["a", "b", "c"]})

    assert refused.value.code == "approval_void"
    assert refused.value.extra["changed"] == ["the people"]
    assert "The people was changed after Dora approved it." in refused.value.detail
    assert codes() == ["void", "open"]


def test_a_void_approval_does_not_come_back_with_the_old_parts(cast: Cast, dora: User) -> None:
    approve(cast, asked(cast), dora)
    with pytest.raises(ApprovalVoid):
        erase(access_of(cast, cast.alice), parts={"the people": []})

    with pytest.raises(ApprovalRequired):
        erase(access_of(cast, cast.alice))


@pytest.mark.parametrize(
    "parts",
    [
        {"the people": ["b", "a"], "the reason": "asked to"},
        {"the people": ["a", "b"], "the reason": "asked to "},
        {"the people": ["a", "b"]},
        {**PARTS, "more": None},
        {"the people": "a, b", "the reason": "asked to"},
    ],
)
def test_every_change_is_another_digest(parts: dict[str, object]) -> None:
    assert digest_of(parts) != digest_of(PARTS)


def test_the_order_of_names_is_no_change() -> None:
    assert digest_of(dict(reversed(PARTS.items()))) == digest_of(PARTS)
    assert digest_of({"x": {"b": 1, "a": 2}}) == digest_of({"x": {"a": 2, "b": 1}})


def test_a_request_ends_after_seven_days(cast: Cast, dora: User) -> None:
    row = asked(cast)
    later = timezone.now() + timedelta(days=7)

    with pytest.raises(NoLongerOpen, match="expired"):
        approve(cast, row, dora, now=later)


def test_an_approval_ends_after_seven_days(cast: Cast, dora: User) -> None:
    approve(cast, asked(cast), dora)
    later = timezone.now() + timedelta(days=7, seconds=1)

    with pytest.raises(ApprovalRequired, match="expired"):
        erase(access_of(cast, cast.alice), now=later)
    assert codes() == ["expired", "open"]


def test_what_nobody_decided_is_ended_by_the_clock(cast: Cast) -> None:
    asked(cast)

    assert approvals.expire(now=timezone.now()) == 0
    assert approvals.expire(now=timezone.now() + timedelta(days=8)) == 1
    assert codes() == ["expired"]


def test_an_approval_by_somebody_who_lost_the_right_is_void(cast: Cast, dora: User) -> None:
    approve(cast, asked(cast), dora)
    Membership.objects.filter(user=dora).update(role=Role.ANALYST)

    with pytest.raises(ApprovalVoid, match="may no longer"):
        erase(access_of(cast, cast.alice))
    assert codes() == ["void", "open"]


def test_a_rejection_says_why(cast: Cast, dora: User) -> None:
    row = asked(cast)

    approvals.reject(approval=row, reason="Too many.", by=access_of(cast, dora), now=timezone.now())

    with pytest.raises(ApprovalRequired, match="Dora rejected it: Too many"):
        erase(access_of(cast, cast.alice))
    with pytest.raises(NoLongerOpen):
        approve(cast, row, dora)


def test_a_rejection_needs_a_reason(cast: Cast, dora: User) -> None:
    row, by = asked(cast), access_of(cast, dora)

    with pytest.raises(InvalidInput):
        approvals.reject(approval=row, reason="  ", by=by, now=timezone.now())


def test_who_asked_or_approved_takes_it_back_and_nobody_else(cast: Cast, dora: User) -> None:
    row = approve(cast, asked(cast), dora)
    third = cast.add(Role.OWNER, name="Emil")

    with pytest.raises(NotAllowed):
        approvals.withdraw(approval=row, by=access_of(cast, third), now=timezone.now())
    approvals.withdraw(approval=row, by=access_of(cast, dora), now=timezone.now())

    with pytest.raises(ApprovalRequired):
        erase(access_of(cast, cast.alice))


def test_a_step_that_starts_by_itself_uses_an_approval_and_asks_for_none(
    cast: Cast, dora: User
) -> None:
    approve(cast, asked(cast), dora)

    assert erase(None) == "done"
    with pytest.raises(ApprovalRequired):
        erase(None)
    assert codes() == ["used"]


def test_every_step_is_in_the_audit_trail(cast: Cast, dora: User) -> None:
    approve(cast, asked(cast), dora)
    erase(access_of(cast, cast.alice))

    entries = AuditEntry.objects.filter(resource="approval").order_by("id")

    assert [(one.action, one.actor) for one in entries] == [
        ("approval.requested", cast.alice),
        ("approval.approved", dora),
        ("approval.used", cast.alice),
    ]


def test_the_routes_show_and_decide(cast: Cast, dora: User) -> None:
    row = asked(cast)
    client = client_of(dora)

    listed = client.get("/api/approvals", {"status": "open"}).json()["results"]
    done = client.post(f"/api/approvals/{row.pk}/approve")

    assert [one["title"] for one in listed] == ["Erase two people"]
    assert listed[0]["summary"] == [{"name": "People", "text": "2"}]
    assert listed[0]["may_decide"] is True
    assert done.json()["status"] == "approved"
    assert client.post(f"/api/approvals/{row.pk}/approve").status_code == 409


def test_the_route_refuses_ones_own_request(cast: Cast) -> None:
    row = asked(cast)

    refused = client_of(cast.alice).post(f"/api/approvals/{row.pk}/approve")

    assert refused.status_code == 403
    assert refused.json()["errors"][0]["code"] == "own_request"


def test_who_may_neither_ask_nor_decide_sees_nothing(cast: Cast) -> None:
    row = asked(cast)
    client = client_of(cast.bob)

    assert client.get("/api/approvals").json()["results"] == []
    assert client.get(f"/api/approvals/{row.pk}").status_code == 404
    assert client.post(f"/api/approvals/{row.pk}/approve").status_code == 404


@pytest.mark.parametrize("reason", [None, "", ["x"], {"x": 1}, "x" * 501, "a\x00b"])
def test_a_bad_reason_is_a_400(cast: Cast, dora: User, reason: object) -> None:
    row = asked(cast)

    refused = client_of(dora).post(f"/api/approvals/{row.pk}/reject", {"reason": reason})

    assert refused.status_code == 400
    assert codes() == ["open"]


@pytest.mark.parametrize("id_", ["x", "0", "..", "%00", "'; DROP TABLE x; --", "é" * 50])
def test_a_bad_id_is_a_404(cast: Cast, id_: str) -> None:
    client: APIClient = client_of(cast.alice)

    for path in (id_, f"{id_}/approve", f"{id_}/reject", f"{id_}/withdraw"):
        method = client.get if path == id_ else client.post
        assert method(f"/api/approvals/{path}").status_code in {404, 405}


def test_a_request_of_another_business_is_not_found(cast: Cast) -> None:
    row = asked(cast)

    with tenancy.scope(cast.other_business), pytest.raises(NotFound):
        approvals.get(row.pk, by=access_of(cast, cast.charlie))


def test_weaker_settings_need_a_second_person(cast: Cast, dora: User) -> None:
    alice, now = access_of(cast, cast.alice), timezone.now()
    weaker = {"two_person": ["campaign"]}

    with pytest.raises(ApprovalRequired):
        security.update(changes=weaker, by=alice, now=now)
    approve(cast, Approval.objects.get(), dora)

    assert security.update(changes=weaker, by=alice, now=now).two_person == ["campaign"]


@pytest.mark.parametrize(
    ("before", "after", "is_weaker"),
    [
        ({}, {"campaign_people": 100}, True),
        ({"campaign_people": 100}, {"campaign_people": 101}, True),
        ({"campaign_people": 100}, {"campaign_people": 99}, False),
        ({"campaign_people": 100}, {"campaign_people": None}, False),
        ({"campaign_people": 100}, {"campaign_cost": 5}, False),
        ({"campaign_cost": 5}, {"message_price": 1}, True),
        ({"campaign_cost": 5, "message_price": 2}, {"message_price": 1}, True),
        ({"campaign_cost": 5, "message_price": 2}, {"message_price": 3}, False),
        ({}, {"needs_second_factor": True}, False),
        ({"needs_second_factor": True}, {"needs_second_factor": False}, True),
        ({}, {"two_person": ["campaign", "mass_erasure", "restore"]}, False),
        ({}, {"two_person": []}, True),
    ],
)
def test_what_counts_as_weaker(
    cast: Cast, before: dict[str, Any], after: dict[str, Any], is_weaker: bool
) -> None:
    SecurityPolicy.objects.update(**before)

    try:
        security.update(changes=after, by=access_of(cast, cast.alice), now=timezone.now())
    except ApprovalRequired:
        assert is_weaker
    else:
        assert not is_weaker


@pytest.mark.parametrize("name", ["campaign_people", "campaign_cost"])
def test_a_limit_that_would_do_nothing_is_refused_beside_its_field(cast: Cast, name: str) -> None:
    SecurityPolicy.objects.update(two_person=[])
    alice, now = access_of(cast, cast.alice), timezone.now()

    with pytest.raises(InvalidInput) as refused:
        security.update(changes={name: 5}, by=alice, now=now)

    assert refused.value.attr == name
    assert getattr(SecurityPolicy.objects.get(), name) is None
    security.update(changes={name: 5, "two_person": ["campaign"]}, by=alice, now=now)
    assert getattr(SecurityPolicy.objects.get(), name) == 5


@pytest.mark.parametrize(
    ("settings", "people", "is_needed"),
    [
        ({}, 1, True),
        ({"two_person": []}, 10**6, False),
        ({"campaign_people": 100}, 100, False),
        ({"campaign_people": 100}, 101, True),
        ({"campaign_cost": 10, "message_price": "0.05"}, 200, False),
        ({"campaign_cost": 10, "message_price": "0.05"}, 201, True),
        ({"campaign_cost": 10}, 1, True),
        ({"campaign_people": 5, "campaign_cost": 10, "message_price": "0.05"}, 6, True),
    ],
)
def test_which_campaigns_need_a_second_person(
    cast: Cast, settings: dict[str, Any], people: int, is_needed: bool
) -> None:
    SecurityPolicy.objects.update(**settings)

    assert security.needs_second_person(people=people) is is_needed


# new owners


@pytest.fixture
def two_owners(cast: Cast, dora: User) -> User:
    """Have two people make an owner; return the second."""
    SecurityPolicy.objects.update(two_person=["owner_grant"])
    return dora


def test_a_new_owner_needs_a_second_owner(cast: Cast, two_owners: User) -> None:
    alice, body = client_of(cast.alice), {"role": "owner"}
    url = f"/api/users/{cast.bob.pk}"

    refused = alice.patch(url, body)
    error = refused.json()["errors"][0]
    done = client_of(two_owners).post(f"/api/approvals/{error['extra']['approval']}/approve")
    made = alice.patch(url, body)

    assert (refused.status_code, error["code"]) == (409, "approval_required")
    assert (done.status_code, made.status_code) == (200, 200)
    assert Membership.objects.get(user=cast.bob).role == "owner"


@pytest.mark.parametrize("how", ["add", "grant", "replace", "assign"])
def test_no_route_makes_an_owner_alone(cast: Cast, two_owners: User, how: str) -> None:
    alice, bob = client_of(cast.alice), cast.bob.pk
    calls = {
        "add": lambda: alice.post("/api/users", {"email": "new@example.com", "role": "owner"}),
        "grant": lambda: alice.post("/api/permissions", {"user": bob, "role": "owner"}),
        "replace": lambda: alice.put(f"/api/permissions/{bob}", {"role": "owner"}),
        "assign": lambda: alice.post("/api/permissions/assign", {"users": [bob], "role": "owner"}),
    }

    answer = calls[how]()

    assert "approval_required" in answer.content.decode()
    assert Approval.objects.get().status == "open"
    assert not Invitation.objects.exists()
    assert Membership.objects.filter(business=cast.business, role=Role.OWNER).count() == 2


def test_the_page_of_members_asks_too(cast: Cast, two_owners: User) -> None:
    client = Client()
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    membership = Membership.objects.get(user=cast.bob)
    url = reverse("admin:accounts_membership_change_role", args=[membership.pk])

    answer = client.post(url, {"role": "owner"})

    assert "needs a second person" in answer.content.decode()
    assert Approval.objects.get().title == "Make bob@example.com an owner"


def test_a_manager_does_not_approve_an_owner(cast: Cast, two_owners: User) -> None:
    manager = cast.add(Role.MANAGER)
    client_of(cast.alice).patch(f"/api/users/{cast.bob.pk}", {"role": "owner"})

    with pytest.raises(NotAllowed):
        approve(cast, Approval.objects.get(), manager)


def test_other_roles_need_nobody(cast: Cast, two_owners: User) -> None:
    changed = client_of(cast.alice).patch(f"/api/users/{cast.bob.pk}", {"role": "manager"})

    assert changed.status_code == 200


def test_the_menu_counts_what_waits_for_the_reader(cast: Cast, dora: User) -> None:
    asked(cast)
    now = timezone.now()

    counts = {
        name: approvals.count_waiting(access_of(cast, user), now)
        for name, user in {"alice": cast.alice, "dora": dora, "bob": cast.bob}.items()
    }
    client = Client()
    client.force_login(dora, backend="django.contrib.auth.backends.ModelBackend")

    assert counts == {"alice": 0, "dora": 1, "bob": 0}
    assert approvals.count_waiting(access_of(cast, dora), now + timedelta(days=8)) == 0
    assert client.get("/admin/").status_code == 200


def test_the_list_finds_what_has_ended_by_what_it_shows(cast: Cast) -> None:
    row = asked(cast)
    Approval.objects.update(expires_at=timezone.now())
    alice = client_of(cast.alice)

    found = {
        state: [one["id"] for one in alice.get(f"/api/approvals?status={state}").json()["results"]]
        for state in ("open", "expired")
    }

    assert found == {"open": [], "expired": [str(row.pk)]}


def test_the_page_says_where_nobody_could_approve_and_asks_the_same_for_any_number(
    cast: Cast, dora: User
) -> None:
    client = Client()
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("admin:accounts_securitypolicy_changelist")
    client.get(url)

    with CaptureQueriesContext(connection) as few:
        two = client.get(url).content.decode()
    dora.is_active = False
    dora.save(update_fields=["is_active"])
    for number in range(5):
        cast.add(Role.AGENT, name=f"Agent{number}")
    with CaptureQueriesContext(connection) as more:
        one = client.get(url).content.decode()

    assert len(more) == len(few)
    assert "nobody could approve it" not in two
    assert "nobody could approve it" in one


def test_the_schema_says_what_people_look_like() -> None:
    generator: Any = SchemaGenerator
    found = generator().get_schema(request=None, public=True)["components"]["schemas"]

    shown, whom = found["ApprovalDetail"]["properties"]["people"], found["PeopleAskedAbout"]

    assert {"$ref": "#/components/schemas/PeopleAskedAbout"} in shown["oneOf"]
    assert {"type": "null"} in shown["oneOf"]
    assert set(whom["properties"]) == {"first", "total"}
    one = whom["properties"]["first"]["items"]["$ref"].rpartition("/")[2]
    assert set(found[one]["properties"]) == {"name", "to"}
    assert "people" not in found["ApprovalOutput"]["properties"]
