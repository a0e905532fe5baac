"""Nobody joins without saying yes, and nothing about an account leaks before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import invitations, tenancy
from accounts.models import Business, Invitation, Membership, Role, SecurityPolicy, SignIn, User
from accounts.signals import InvitationChanged, invitation_changed
from tests.factories.accounts import PASSWORD, MembershipFactory, UserFactory, issue_key
from tests.factories.cast import Cast, client_of, client_of_key

INVITATIONS = "/api/invitations"
MINE = "/api/auth/invitations"
DORA = {"email": "Dora@example.com", "role": "agent", "name": "Dora"}
CHARLIE = {"email": "charlie@example.com", "role": "auditor"}


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def invite(cast: Cast, **body: Any) -> Invitation:
    made = client_of(cast.alice).post(INVITATIONS, body or DORA)
    assert made.status_code == 201, made.json()
    found: Invitation = Invitation.across_businesses.get(pk=made.json()["id"])
    return found


def token_of(invitation: Invitation) -> str:
    return invitations.link_of(invitation).rstrip("/").rpartition("/")[2]


def join(invitation: Invitation, **body: Any) -> Any:
    given = {"token": token_of(invitation), "name": "Dora", "password": PASSWORD} | body
    return APIClient().post(f"{MINE}/join", given)


def test_somebody_new_joins_with_a_password_of_their_own(cast: Cast) -> None:
    invitation = invite(cast)

    joined = join(invitation)

    dora = User.objects.get(email="dora@example.com")
    assert joined.status_code == 201
    assert dora.check_password(PASSWORD)
    assert dora.memberships.get().role == Role.AGENT
    me = APIClient().get("/api/auth/me", HTTP_AUTHORIZATION=f"Bearer {joined.json()['access']}")
    assert me.json()["user"]["email"] == "dora@example.com"


def test_nobody_is_a_member_before_they_accept(cast: Cast) -> None:
    invite(cast, **CHARLIE)

    members = client_of(cast.alice).get("/api/users").json()["results"]

    assert "charlie@example.com" not in {row["email"] for row in members}
    assert not cast.charlie.memberships.filter(business=cast.business).exists()


def test_an_answer_says_nothing_about_an_account(cast: Cast) -> None:
    client = client_of(cast.alice)

    known, unknown = (
        client.post("/api/users", body)
        for body in (CHARLIE, CHARLIE | {"email": "nobody@example.com"})
    )

    assert known.status_code == unknown.status_code == 201
    differ = {name for name, value in known.json().items() if unknown.json()[name] != value}
    assert differ <= {"id", "email", "created_at", "expires_at"}
    assert known.json()["name"] == ""


def test_somebody_with_an_account_accepts_signed_in(cast: Cast) -> None:
    invitation = invite(cast, **CHARLIE)
    client = client_of(cast.charlie, cast.other_business)

    without = join(invitation)
    mine = client.get(MINE).json()
    accepted = client.post(f"{MINE}/{invitation.pk}/accept")

    assert (without.status_code, code_of(without)) == (409, "sign_in_first")
    assert [(one["business"], one["role"]) for one in mine] == [("Alice's Flowers", "auditor")]
    assert accepted.status_code == 204
    assert cast.charlie.memberships.get(business=cast.business).role == "auditor"
    assert User.objects.get(pk=cast.charlie.pk).check_password(PASSWORD)
    assert client.post(f"{MINE}/{invitation.pk}/accept").status_code == 404


def test_only_the_person_invited_answers(cast: Cast) -> None:
    invitation = invite(cast, **CHARLIE)

    for user in (cast.bob, cast.alice, cast.paula):
        client = client_of(user)
        assert client.get(MINE).json() == []
        assert client.post(f"{MINE}/{invitation.pk}/accept").status_code == 404
        assert client.post(f"{MINE}/{invitation.pk}/decline").status_code == 404


def test_declining_is_shown_to_the_inviter(cast: Cast) -> None:
    invitation = invite(cast, **CHARLIE)

    client_of(cast.charlie).post(f"{MINE}/{invitation.pk}/decline")

    shown = client_of(cast.alice).get(f"{INVITATIONS}/{invitation.pk}").json()
    assert shown["status"] == "declined"
    assert invite(cast, **CHARLIE).pk != invitation.pk


def test_a_link_ends_after_seven_days_and_when_it_is_sent_again(cast: Cast) -> None:
    invitation = invite(cast)
    old = token_of(invitation)

    client_of(cast.alice).post(f"{INVITATIONS}/{invitation.pk}/resend")

    invitation.refresh_from_db()
    replaced = join(invitation, token=old)
    Invitation.across_businesses.update(expires_at=timezone.now() - timedelta(seconds=1))
    late = join(invitation)
    assert [code_of(one) for one in (replaced, late)] == ["invitation_over"] * 2
    assert not User.objects.filter(email="dora@example.com").exists()
    shown = client_of(cast.alice).get(f"{INVITATIONS}/{invitation.pk}").json()
    assert shown["status"] == "expired"


def test_one_taken_back_opens_nothing(cast: Cast) -> None:
    invitation = invite(cast)

    gone = client_of(cast.alice).delete(f"{INVITATIONS}/{invitation.pk}")

    assert gone.status_code == 204
    assert code_of(join(invitation)) == "invitation_over"
    again = client_of(cast.alice).delete(f"{INVITATIONS}/{invitation.pk}")
    assert code_of(again) == "invitation_over"


@pytest.mark.parametrize("token", ["x", "", "a:b:c", "é", "x" * 600, "\x00"])
def test_a_link_that_is_none_is_refused(cast: Cast, token: str) -> None:
    refused = APIClient().post(f"{MINE}/join", {"token": token, "password": PASSWORD})

    assert refused.status_code in {400, 409}


def test_a_weak_password_leaves_the_invitation_open(cast: Cast) -> None:
    invitation = invite(cast)

    refused = join(invitation, password="12345678")

    assert (refused.status_code, code_of(refused)) == (400, "weak_password")
    assert join(invitation).status_code == 201


def test_nobody_is_invited_twice_or_as_a_member(cast: Cast) -> None:
    invite(cast)
    client = client_of(cast.alice)

    assert code_of(client.post(INVITATIONS, DORA)) == "already_invited"
    bob = client.post(INVITATIONS, {"email": "BOB@example.com", "role": "agent"})
    assert (bob.status_code, code_of(bob)) == (409, "already_member")


def test_nobody_offers_a_role_beyond_their_own(cast: Cast) -> None:
    client = client_of(cast.add(Role.MANAGER))

    refused = client.post(INVITATIONS, DORA | {"role": "owner"})

    assert code_of(refused) == "beyond_own_permissions"


def test_an_invitation_is_void_when_the_inviter_could_not_give_it_any_more(cast: Cast) -> None:
    mara = cast.add(Role.OWNER)
    made = client_of(mara).post(INVITATIONS, DORA | {"role": "owner"}).json()
    client_of(cast.alice).patch(f"/api/users/{mara.pk}", {"role": "agent"})

    refused = join(Invitation.across_businesses.get(pk=made["id"]))

    assert (refused.status_code, code_of(refused)) == (403, "invitation_void")
    assert not User.objects.filter(email="dora@example.com").exists()


def test_an_owner_invited_before_two_people_were_asked_for_is_not_made_by_one(cast: Cast) -> None:
    invitation = invite(cast, **DORA | {"role": "owner"})
    other = invite(cast, email="erin@example.com", role="agent")
    with tenancy.scope(cast.business):
        SecurityPolicy.objects.create(business=cast.business, two_person=["owner_grant"])

    refused = join(invitation)
    resent = client_of(cast.alice).post(f"{INVITATIONS}/{invitation.pk}/resend")

    assert (refused.status_code, code_of(refused)) == (403, "invitation_void")
    assert (resent.status_code, code_of(resent)) == (403, "invitation_void")
    assert not User.objects.filter(email="dora@example.com").exists()
    assert join(other).status_code == 201


def test_an_owner_two_people_agreed_on_joins(cast: Cast) -> None:
    second = client_of(cast.add(Role.OWNER))
    with tenancy.scope(cast.business):
        SecurityPolicy.objects.create(business=cast.business, two_person=["owner_grant"])
    asked = client_of(cast.alice).post(INVITATIONS, DORA | {"role": "owner"})
    approval = asked.json()["errors"][0]["extra"]["approval"]
    second.post(f"/api/approvals/{approval}/approve")
    invitation = invite(cast, **DORA | {"role": "owner"})

    assert client_of(cast.alice).post(f"{INVITATIONS}/{invitation.pk}/resend").status_code == 200
    invitation.refresh_from_db()
    assert join(invitation).status_code == 201


@pytest.mark.parametrize("is_page", [False, True])
def test_a_link_signs_nobody_in_who_has_an_account(cast: Cast, is_page: bool) -> None:
    invitation = invite(cast, **CHARLIE)
    client, given = Client(), {"name": "Charlie", "password": PASSWORD}

    if is_page:
        client.post(f"/invitation/{token_of(invitation)}/", given)
    else:
        assert code_of(join(invitation)) == "sign_in_first"

    assert "_auth_user_id" not in client.session
    assert not SignIn.objects.filter(user=cast.charlie).exists()
    assert not cast.charlie.memberships.filter(business=cast.business).exists()


def test_who_joins_where_a_second_factor_is_demanded_sets_it_up_first(cast: Cast) -> None:
    people = [invite(cast, **DORA), invite(cast, email="erin@example.com", role="agent")]
    with tenancy.scope(cast.business):
        SecurityPolicy.objects.create(business=cast.business, needs_second_factor=True)
    browser = Client()

    by_api = join(people[0]).json()["access"]
    by_page = browser.post(
        f"/invitation/{token_of(people[1])}/", {"name": "Erin", "password": PASSWORD}, follow=True
    )

    refused = APIClient().get("/api/users", headers={"Authorization": f"Bearer {by_api}"})
    assert (refused.status_code, code_of(refused)) == (403, "second_factor_enrolment_required")
    assert by_page.redirect_chain[-1][0] == "/admin/second-factor/"
    assert browser.get("/admin/messaging/message/").status_code == 302


def test_a_key_that_invites_answers_to_its_maker(cast: Cast) -> None:
    alice = client_of(cast.alice)
    held = sorted(alice.get("/api/auth/me").json()["permissions"])
    made = alice.post("/api/api-keys", {"name": "HR", "permissions": held})

    invited = client_of_key(made.json()["key"]).post(INVITATIONS, DORA)

    assert invited.json()["invited_by"] == cast.alice.pk
    key = client_of_key(issue_key(cast.business, "users.view"))
    assert code_of(key.get(MINE)) == "person_required"


def test_the_mail_has_the_link_and_goes_once(cast: Cast, mailoutbox: list[Any]) -> None:
    invitation = invite(cast)

    counts = [invitations.mail_due(now=timezone.now()) for _ in range(2)]

    (mail,) = mailoutbox
    invitation.refresh_from_db()
    assert counts == [{"sent": 1, "failed": 0}, {"sent": 0, "failed": 0}]
    assert mail.to == ["dora@example.com"]
    assert f"{settings.PUBLIC_URL}/invitation/{token_of(invitation)}/" in mail.body
    assert "Alice invites you to join Alice's Flowers" in mail.body
    assert invitation.mailed_at is not None


def test_a_mail_server_that_is_away_is_tried_again(
    cast: Cast, mailoutbox: list[Any], settings: Any
) -> None:
    invitation = invite(cast)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    away = invitations.mail_due(now=timezone.now())
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    back = invitations.mail_due(now=timezone.now())

    invitation.refresh_from_db()
    assert (away, back) == ({"sent": 0, "failed": 1}, {"sent": 1, "failed": 0})
    assert (invitation.mail_failures, len(mailoutbox)) == (1, 1)


def test_what_is_announced_names_nobody(cast: Cast) -> None:
    heard: list[InvitationChanged] = []

    def hear(fact: InvitationChanged, **_: object) -> None:
        heard.append(fact)

    invitation_changed.connect(hear)
    join(invite(cast))
    invitation_changed.disconnect(hear)

    assert [fact.change for fact in heard] == ["invited", "accepted"]
    told = [str(replace(fact, by=None)) for fact in heard]
    assert "dora" not in "".join(told).lower()


def test_joining_puts_nobody_into_another_business(cast: Cast) -> None:
    join(invite(cast))

    rows = Membership.objects.filter(user__email="dora@example.com")
    assert [row.business for row in rows] == [cast.business]


def test_a_mail_that_cannot_be_written_keeps_no_other_back(
    cast: Cast, mailoutbox: list[Any]
) -> None:
    Business.objects.filter(pk=cast.business.pk).update(name="Alice\nFlowers")
    odd = invite(cast)
    Invitation.across_businesses.filter(pk=odd.pk).update(email="dora\n@example.com")
    client_of(cast.alice).post(INVITATIONS, {"email": "emil@example.com", "role": "agent"})
    client_of(cast.charlie).post(INVITATIONS, {"email": "eve@example.com", "role": "agent"})

    counts = invitations.mail_due(now=timezone.now())

    odd.refresh_from_db()
    assert (counts, odd.mail_failures) == ({"sent": 2, "failed": 1}, 1)
    assert [mail.subject for mail in mailoutbox] == [
        "Join Alice Flowers on Switchboard",
        "Join Charlie's Cheese on Switchboard",
    ]


def test_an_address_that_only_looks_the_same_is_another_person(cast: Cast) -> None:
    look_alike = UserFactory.create(email="ivan@gma\u0131l.com")
    MembershipFactory.create(business=cast.other_business, user=look_alike, role=Role.AGENT)
    invitation = invite(cast, email="ivan@gmail.com", role="agent")
    theirs = client_of(look_alike)

    accepted = theirs.post(f"{MINE}/{invitation.pk}/accept")
    joined = join(invitation)

    assert theirs.get(MINE).json() == []
    assert accepted.status_code == 404
    assert joined.status_code == 201


def test_one_that_has_ended_is_listed_as_expired(cast: Cast) -> None:
    over, alive = invite(cast), invite(cast, email="emil@example.com", role="agent")
    now = timezone.now()
    Invitation.across_businesses.filter(pk=over.pk).update(expires_at=now)
    alice = client_of(cast.alice)

    found = {
        state: [one["id"] for one in alice.get(f"{INVITATIONS}?status={state}").json()["results"]]
        for state in ("pending", "expired", "declined")
    }

    assert found == {"pending": [str(alive.pk)], "expired": [str(over.pk)], "declined": []}


def test_what_an_inviter_writes_into_the_mail_is_one_line(
    cast: Cast, mailoutbox: list[Any]
) -> None:
    invite(cast, **DORA | {"name": "Dora\n\nPay here: example.org"})

    invitations.mail_due(now=timezone.now())

    (mail,) = mailoutbox
    assert "\nPay here" not in mail.body


def test_the_name_one_joins_by_is_one_line(cast: Cast) -> None:
    join(invite(cast), name="Dora\n\nPay here: example.org")

    assert User.objects.get(email="dora@example.com").name == "Dora Pay here: example.org"
