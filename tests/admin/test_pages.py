"""What the pages of accounts, consent, senders and dead letters do when a button is pressed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import invitations, tenancy
from accounts.models import ApiKey, Business, Invitation, Membership, Role, User
from compliance import consent
from compliance.models import AuditEntry, OptOutWord, Scope
from config.lib.ids import new_id
from messaging.senders.models import Sender
from messaging.webhooks.models import DeadLetter, PendingEvent, RawEvent
from tests.factories.accounts import ApiKeyFactory, PlatformAdminFactory, WhatsAppAccountFactory
from tests.factories.cast import Cast
from tests.factories.contacts import left_number
from tests.factories.messaging import SenderFactory
from tests.factories.templates import TemplateFactory

SignIn = Callable[..., Client]
PASSWORD = "a long and strange sentence"


def messages_of(client: Client, url: str) -> str:
    """Return the page a redirect leads to."""
    return client.get(url).content.decode()


def test_a_key_is_shown_once_and_opens_the_api(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in(cast.alice)
    given = {"name": "Shop", "permissions": ["messages.view"], "expires_at": ""}

    answer = client.post("/admin/accounts/apikey/issue/", given)
    found = re.search(r"sb_[\w-]+", answer.content.decode())
    assert found
    later = messages_of(client, "/admin/accounts/apikey/")

    assert "no-store" in answer.headers["Cache-Control"]
    assert found.group() not in later
    headers = {"HTTP_AUTHORIZATION": f"Api-Key {found.group()}"}
    assert Client().get("/api/whatsapp/messages", **headers).status_code == 200  # type: ignore[arg-type]


def test_nobody_issues_a_key_with_more_rights_than_their_own(cast: Cast, sign_in: SignIn) -> None:
    given = {"name": "Shop", "permissions": ["backups.restore"]}

    answer = sign_in(cast.alice).post("/admin/accounts/apikey/issue/", given)

    assert answer.status_code == 200
    assert not ApiKey.across_businesses.exists()


@pytest.mark.parametrize("written", ["my office", "203.0.113.300", "203.0.113.7\nhome"])
def test_a_network_that_is_none_is_refused_at_its_field(
    cast: Cast, sign_in: SignIn, written: str
) -> None:
    given = {"name": "Shop", "permissions": ["messages.view"], "networks": written}

    answer = sign_in(cast.alice).post("/admin/accounts/apikey/issue/", given)

    assert answer.status_code == 200
    [error] = answer.context["form"].errors["networks"]
    assert "Not an address or network" in error
    assert not ApiKey.across_businesses.exists()


def test_opening_the_address_of_a_button_changes_nothing(cast: Cast, sign_in: SignIn) -> None:
    key = ApiKeyFactory.create(business=cast.business)
    client, url = sign_in(cast.alice), f"/admin/accounts/apikey/{key.pk}/revoke/"

    asked = client.get(url)
    key.refresh_from_db()
    assert asked.status_code == 200
    assert key.revoked_at is None
    client.post(url)
    key.refresh_from_db()

    assert key.revoked_at is not None


def test_a_button_needs_the_token_of_the_form(cast: Cast) -> None:
    key = ApiKeyFactory.create(business=cast.business)
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.post(f"/admin/accounts/apikey/{key.pk}/revoke/")

    assert answer.status_code == 403


def test_a_person_invited_chooses_a_password_and_is_in(
    cast: Cast, sign_in: SignIn, mailoutbox: list[Any]
) -> None:
    given = {"email": "new@example.com", "name": "New", "role": "agent"}
    sign_in(cast.alice).post("/admin/accounts/membership/invite/", given)
    invitations.mail_due(now=timezone.now())
    (mail,) = mailoutbox
    path = mail.body.split(settings.PUBLIC_URL)[1].split()[0]
    browser = Client()

    page = browser.get(path)
    weak = browser.post(path, {"name": "New", "password": "12345678"})
    joined = browser.post(path, {"name": "Nora", "password": PASSWORD})

    assert "Alice&#x27;s Flowers" in page.content.decode()
    assert weak.status_code == 400
    assert joined.status_code == 302
    assert str(browser.get("/admin/").wsgi_request.user) == "Nora"
    assert Membership.objects.get(user__email="new@example.com").business == cast.business
    assert browser.get(path).status_code == 410


def test_somebody_with_an_account_accepts_signed_in(cast: Cast, sign_in: SignIn) -> None:
    given = {"email": "charlie@example.com", "role": "agent"}
    sign_in(cast.alice).post("/admin/accounts/membership/invite/", given)
    invitation = Invitation.across_businesses.get()
    path = invitations.link_of(invitation).removeprefix(settings.PUBLIC_URL)
    charlie = sign_in(cast.charlie)

    asked = Client().get(path).content.decode()
    foreign = sign_in(cast.bob).get(path).content.decode()
    own = charlie.get("/admin/me/").content.decode()
    charlie.post("/admin/me/", {"do": "accept", "invitation": str(invitation.pk)})

    assert "/admin/login/?next=" in asked
    assert "Choose a password" not in asked
    assert "signed in as bob@example.com" in foreign
    assert "Join Alice&#x27;s Flowers?" in own
    assert cast.charlie.memberships.filter(business=cast.business, role="agent").exists()


def test_a_refusal_of_the_domain_stands_on_the_form(cast: Cast, sign_in: SignIn) -> None:
    given = {"email": "bob@example.com", "role": "agent"}

    answer = sign_in(cast.alice).post("/admin/accounts/membership/invite/", given)

    assert answer.status_code == 200
    assert "already a member" in answer.content.decode()


def test_the_last_owner_stays(cast: Cast, sign_in: SignIn) -> None:
    own = Membership.objects.get(user=cast.alice)
    client = sign_in(cast.alice)

    client.post(f"/admin/accounts/membership/{own.pk}/remove/")

    assert Membership.objects.filter(user=cast.alice).exists()


def test_a_manager_makes_nobody_an_owner(cast: Cast, sign_in: SignIn) -> None:
    manager = cast.add(Role.MANAGER)
    bob = Membership.objects.get(user=cast.bob)

    answer = sign_in(manager).post(
        f"/admin/accounts/membership/{bob.pk}/change_role/", {"role": "owner"}
    )

    bob.refresh_from_db()
    assert bob.role == Role.AGENT
    assert "cannot give" in answer.content.decode()


def test_the_settings_of_a_business_are_changed_and_recorded(cast: Cast, sign_in: SignIn) -> None:
    client, url = sign_in(cast.alice), f"/admin/accounts/business/{cast.business.pk}/change/"
    given = {
        "name": "Alice's Trees",
        "region": "ES",
        "time_zone": "Europe/Madrid",
        "reconcile_after_seconds": "900",
    }

    good = client.post(url, given)
    bad = client.post(url, given | {"region": "XX"})

    cast.business.refresh_from_db()
    assert good.status_code == 302
    assert cast.business.time_zone == "Europe/Madrid"
    assert bad.status_code == 200
    assert "two-letter country" in bad.content.decode()
    assert AuditEntry.objects.filter(action="business.changed").count() == 1


def test_a_token_is_never_shown(cast: Cast, sign_in: SignIn) -> None:
    account = WhatsAppAccountFactory.create(business=cast.business, access_token="EAAG-secret")
    client = sign_in(cast.alice)

    for path in ("", f"{account.pk}/change/", f"{account.pk}/rotate/"):
        answer = client.get(f"/admin/accounts/whatsappaccount/{path}")
        assert answer.status_code == 200
        assert "EAAG-secret" not in answer.content.decode()


def test_an_opt_out_by_hand_reaches_who_left_the_number_and_a_consent_does_not(
    cast: Cast, sign_in: SignIn
) -> None:
    left_number(cast.business, "+34600112233", "+34600112244")
    client = sign_in(cast.bob)
    told = {"address": "600 11 22 33", "scope": "all", "reason": "By letter"}

    def refusal() -> consent.Decision:
        with tenancy.scope(cast.business):
            return consent.check(addresses=["+34600112244"], scope=Scope.MARKETING)

    client.post("/admin/compliance/consent/opt_in/", told)
    after_a_consent = refusal()
    client.post("/admin/compliance/consent/opt_out/", told)

    assert after_a_consent == consent.Refused("consent_missing")
    assert refusal() == consent.Refused("opted_out")


def test_consent_is_looked_up_and_withdrawn_however_a_number_is_spelt(
    cast: Cast, sign_in: SignIn
) -> None:
    client = sign_in(cast.bob)
    told = {"address": "600 11 22 33", "scope": "marketing", "reason": "By phone"}

    given = client.post("/admin/compliance/consent/opt_in/", told)
    stopped = client.post("/admin/compliance/consent/opt_out/", told | {"scope": "all"})
    seen = client.post("/admin/compliance/consent/look_up/", {"address": "+34600112233"})
    listed = client.get("/admin/compliance/consent/", {"q": "0034 600-112-233"})

    assert given.status_code == stopped.status_code == 200
    assert "No: opted out" in seen.content.decode()
    assert listed.content.decode().count('class="data-row') == 4
    assert "600112233" not in listed.content.decode()
    with tenancy.scope(cast.business):
        assert not isinstance(
            consent.check(addresses=["+34600112233"], scope=Scope.MARKETING),
            consent.Allowed,
        )


def test_words_of_the_business_are_added_changed_and_removed(cast: Cast, sign_in: SignIn) -> None:
    client, base = sign_in(cast.alice), "/admin/compliance/optoutword/"

    client.post(f"{base}add/", {"word": "genug", "effect": "stop", "language": "de"})
    twice = client.post(f"{base}add/", {"word": "genug", "effect": "stop"})
    word = OptOutWord.across_businesses.get()
    client.post(f"{base}{word.pk}/change/", {"word": "genug jetzt", "effect": "stop"})
    word.refresh_from_db()

    assert "on the list" in twice.content.decode()
    assert word.word == "genug jetzt"
    assert word.business == cast.business
    client.post(f"{base}{word.pk}/delete/", {"post": "yes"})
    assert not OptOutWord.across_businesses.exists()


def test_limits_of_a_sender_are_set_and_recorded(cast: Cast, sign_in: SignIn) -> None:
    sender = SenderFactory.create(business=cast.business)
    given = {"per_second": "5", "per_hour": "", "per_day": "", "warning_percent": "70"}

    sign_in(cast.alice).post(f"/admin/messaging/sender/{sender.pk}/change/", given)

    stored = Sender.across_businesses.get(pk=sender.pk)
    assert (stored.per_second, stored.warning_percent) == (5, 70)
    assert AuditEntry.objects.filter(action="sender.changed", actor=cast.alice).exists()


def test_a_template_is_shown_as_people_see_it_and_escaped(cast: Cast, sign_in: SignIn) -> None:
    account = WhatsAppAccountFactory.create(business=cast.business)
    body = {
        "type": "BODY",
        "text": "<script>x</script> Hi {{1}}",
        "example": {"body_text": [["Ana"]]},
    }
    template = TemplateFactory.create(account=account, components=[body])

    answer = sign_in(cast.alice).get(f"/admin/templates_mgmt/template/{template.pk}/change/")

    text = answer.content.decode()
    assert "&lt;script&gt;x&lt;/script&gt; Hi Ana" in text
    assert "<script>x" not in text


def dead_letter(business: Business | None, body: bytes) -> DeadLetter:
    """Put an event aside."""
    event = RawEvent.objects.create(id=new_id(), body=body)
    return DeadLetter.objects.create(
        business=business, event_id=event.pk, reason=DeadLetter.Reason.ERROR, detail="KeyError"
    )


def test_dead_letters_are_replayed_and_put_aside(cast: Cast, sign_in: SignIn) -> None:
    letters = [dead_letter(cast.business, b"{}") for _ in range(3)]
    client, base = sign_in(cast.alice), "/admin/messaging/deadletter/"

    client.post(f"{base}{letters[0].pk}/replay/")
    ticked = {"action": "resolve_many", "_selected_action": [str(one.pk) for one in letters[1:]]}
    answer = client.post(base, ticked, follow=True)

    assert PendingEvent.objects.filter(event_id=letters[0].event_id).exists()
    assert "2 put aside." in answer.content.decode()
    assert DeadLetter.objects.filter(resolved_at=None).get() == letters[0]


def test_a_raw_event_shows_only_what_is_about_the_readers_accounts(
    cast: Cast, sign_in: SignIn
) -> None:
    own = WhatsAppAccountFactory.create(business=cast.business)
    other = WhatsAppAccountFactory.create(business=cast.other_business)
    entries = [
        {"id": own.waba_id, "text": "<b>ours</b>"},
        {"id": other.waba_id, "text": "theirs"},
    ]
    letter = dead_letter(cast.business, json.dumps({"entry": entries}).encode())

    answer = sign_in(cast.alice).get(f"/admin/messaging/deadletter/{letter.pk}/change/")

    text = answer.content.decode()
    assert "&lt;b&gt;ours&lt;/b&gt;" in text
    assert "theirs" not in text


def test_an_event_too_large_to_show_hides_what_is_about_others_all_the_same(
    cast: Cast, sign_in: SignIn
) -> None:
    own = WhatsAppAccountFactory.create(business=cast.business)
    entries = [{"id": "1", "text": "theirs"}, {"id": own.waba_id, "text": "ours" + 300_000 * "x"}]
    letter = dead_letter(cast.business, json.dumps({"entry": entries}).encode())

    answer = sign_in(cast.alice).get(f"/admin/messaging/deadletter/{letter.pk}/change/")

    text = answer.content.decode()
    assert "ours" in text
    assert "theirs" not in text
    assert len(text) < 300_000


def test_events_of_nobody_are_a_platform_admins(cast: Cast, sign_in: SignIn) -> None:
    letter = dead_letter(None, b"no json")
    url = f"/admin/messaging/deadletter/{letter.pk}/change/"

    owner = sign_in(cast.alice).get(url)
    admin = sign_in(cast.paula, cast.business).get(url)

    assert owner.status_code == 404
    assert admin.status_code == 200
    assert "no json" in admin.content.decode()


@pytest.mark.parametrize("what", ["disable", "demote"])
def test_the_last_platform_admin_stays(cast: Cast, sign_in: SignIn, what: str) -> None:
    client = sign_in(cast.paula, cast.business)

    client.post(f"/admin/accounts/user/{cast.paula.pk}/{what}/")

    cast.paula.refresh_from_db()
    assert cast.paula.is_active
    assert cast.paula.is_superuser


def test_a_platform_admin_gives_a_password(cast: Cast, sign_in: SignIn) -> None:
    other = PlatformAdminFactory.create()
    client = sign_in(other, cast.business)

    client.post(f"/admin/accounts/user/{cast.bob.pk}/set_password/", {"password": PASSWORD})

    assert AuditEntry.objects.filter(action="user.changed", actor=other).exists()
    assert User.objects.get(pk=cast.bob.pk).check_password(PASSWORD)


def test_the_history_of_a_row_is_its_audit_trail(cast: Cast, sign_in: SignIn) -> None:
    sender = SenderFactory.create(business=cast.business)
    client = sign_in(cast.alice)
    client.post(f"/admin/messaging/sender/{sender.pk}/pause/", {"reason": "Stocktaking"})

    answer = client.get(f"/admin/messaging/sender/{sender.pk}/history/", follow=True)

    assert answer.status_code == 200
    assert "Sender paused" in answer.content.decode()


def test_a_backup_is_asked_for_by_platform_admins_only(cast: Cast, sign_in: SignIn) -> None:
    url = "/admin/backups/backup/run_now/"

    assert sign_in(cast.alice).post(url).status_code == 403
    assert sign_in(cast.paula, cast.business).post(url).status_code == 302
