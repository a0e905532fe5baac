"""Sign-in, the business switcher, navigation, the dashboard and error pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import tenancy, tokens
from accounts.models import Role
from analytics import dashboard
from messaging.sending.models import QueueItem
from tests.factories.accounts import MembershipFactory, PlatformAdminFactory, full_access
from tests.factories.cast import Cast
from tests.factories.messaging import ContactFactory, SenderFactory

PASSWORD = "correct horse battery staple"
LOGIN = "/admin/login/"
SignIn = Callable[..., Client]


def test_people_sign_in_by_e_mail_and_land_on_the_dashboard(cast: Cast, client: Client) -> None:
    answer = client.post(LOGIN, {"username": "Alice@Example.com", "password": PASSWORD})

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/admin/"


def test_the_sixth_wrong_password_shows_for_how_long_the_door_is_closed(
    cast: Cast, client: Client
) -> None:
    for _ in range(5):
        answer = client.post(LOGIN, {"username": "alice@example.com", "password": "wrong"})

    answer = client.post(LOGIN, {"username": "alice@example.com", "password": PASSWORD})

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert "15 minutes" in answer.content.decode()


def test_the_business_is_switched_by_a_post_only(cast: Cast, sign_in: SignIn) -> None:
    MembershipFactory.create(business=cast.other_business, user=cast.alice, role=Role.AGENT)
    client = sign_in(cast.alice)

    by_link = client.get("/admin/business/switch/", {"business": str(cast.other_business.pk)})
    by_form = client.post("/admin/business/switch/", {"business": str(cast.other_business.pk)})

    assert by_link.status_code == 405
    assert by_form.status_code == 302
    assert client.session["business_id"] == str(cast.other_business.pk)


def test_a_business_that_is_not_mine_cannot_be_switched_to(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in(cast.alice)

    answer = client.post("/admin/business/switch/", {"business": str(cast.other_business.pk)})

    assert answer.status_code == 404


def test_a_switch_leads_back_to_this_site_only(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in(cast.alice)
    given = {"business": str(cast.business.pk), "next": "https://evil.example/"}

    answer = client.post("/admin/business/switch/", given)

    assert answer.headers["Location"] == "/admin/"


def test_roles_see_only_their_pages_in_the_navigation(cast: Cast, sign_in: SignIn) -> None:
    analyst = cast.add(Role.ANALYST)

    owners = sign_in(cast.alice).get("/admin/").content.decode()
    analysts = sign_in(analyst).get("/admin/").content.decode()

    assert "/admin/accounts/apikey/" in owners
    assert "/admin/accounts/apikey/" not in analysts
    assert "/admin/messaging/contact/" not in analysts
    assert "/admin/templates_mgmt/template/" in analysts


def test_somebody_without_a_business_is_told_what_to_do(cast: Cast, sign_in: SignIn) -> None:
    stranger = PlatformAdminFactory.create(is_superuser=False, email="s@example.com")

    answer = sign_in(stranger).get("/admin/")

    assert answer.status_code == 200
    assert "You are in no business" in answer.content.decode()


def test_a_platform_admin_opens_the_first_business(db: None, sign_in: SignIn) -> None:
    client = sign_in(PlatformAdminFactory.create())
    given = {"name": "First", "region": "ES", "time_zone": "UTC", "reconcile_after_seconds": "900"}

    page = client.get("/admin/")
    answer = client.post("/admin/accounts/business/add/", given)

    assert "/admin/accounts/business/add/" in page.content.decode()
    assert answer.status_code == 302


def test_the_dashboard_leaves_out_what_the_reader_may_not_see(cast: Cast) -> None:
    with tenancy.scope(cast.business):
        seen = dashboard.read(full_access(cast.business))

    assert seen.counts is not None
    assert seen.senders == []
    assert [step.is_done for step in seen.setup] == [False, False, False, False]


def test_the_queue_shows_its_size_and_the_age_of_its_oldest(cast: Cast) -> None:
    now = timezone.now()
    sender = SenderFactory.create(business=cast.business)
    contact = ContactFactory.create(business=cast.business)
    row = QueueItem.objects.create(
        message_id=contact.pk,
        business_id=cast.business.pk,
        sender=sender,
        contact_id=contact.pk,
        priority=5,
    )

    with tenancy.scope(cast.business):
        seen = dashboard.at(full_access(cast.business), now=now + timedelta(minutes=10))

    assert row.message_id == contact.pk
    assert seen.queue is not None
    assert (seen.queue.size, seen.queue.is_more) == (1, False)
    assert 590 <= seen.queue.oldest_seconds <= 610
    assert seen.queue.tone == "warning"


def test_the_dashboard_costs_a_bounded_number_of_queries(
    cast: Cast, sign_in: SignIn, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(3):
        SenderFactory.create(business=cast.business)
    client = sign_in(cast.alice)
    client.get("/admin/dashboard/now/")

    with django_assert_max_num_queries(60):  # type: ignore[attr-defined]  # a context manager
        answer = client.get("/admin/dashboard/now/")

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/admin/messaging/sender/nothing/change/"])
def test_what_is_not_there_is_a_page_a_person_understands(
    cast: Cast, sign_in: SignIn, path: str
) -> None:
    answer = sign_in(cast.alice).get(path)

    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_a_page_that_is_refused_names_the_permission(cast: Cast, sign_in: SignIn) -> None:
    answer = sign_in(cast.bob).get("/admin/accounts/apikey/issue/")

    assert answer.status_code == 403
    assert "api_keys.manage" in answer.content.decode()


def test_a_letter_the_database_takes_for_another_is_no_way_around_the_lock(
    cast: Cast, client: Client
) -> None:
    answer = client.post(LOGIN, {"username": "al\u0131ce@example.com", "password": PASSWORD})

    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


def test_a_new_password_ends_the_tokens_of_the_old_one(cast: Cast, sign_in: SignIn) -> None:
    pair = tokens.start_family(cast.alice, now=timezone.now())
    new = "another long and strange sentence"
    given = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    answer = sign_in(cast.alice).post("/admin/password_change/", given)

    assert answer.status_code == 302
    with pytest.raises(tokens.TokenRefused):
        tokens.sign_in_of(pair.access)
    with pytest.raises(tokens.TokenRefused):
        tokens.refresh(token=pair.refresh, now=timezone.now())


def test_nobody_deletes_a_business_not_even_a_platform_admin(cast: Cast, sign_in: SignIn) -> None:
    url = f"/admin/accounts/business/{cast.other_business.pk}/delete/"

    answer = sign_in(cast.paula, cast.business).get(url)

    assert answer.status_code == 403


def test_many_attempts_to_sign_in_from_one_address_have_to_wait(cast: Cast) -> None:
    for number in range(10):
        form = {"username": f"person{number}@example.com", "password": "wrong"}
        assert Client().post(LOGIN, form).status_code == 200

    answer = Client().post(LOGIN, {"username": "alice@example.com", "password": PASSWORD})
    elsewhere = Client().post(
        LOGIN, {"username": "alice@example.com", "password": PASSWORD}, REMOTE_ADDR="192.0.2.7"
    )

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert f"{answer.headers['Retry-After']} s" in answer.content.decode()
    assert Client().get(LOGIN).status_code == 200
    assert elsewhere.status_code == 302


@pytest.mark.parametrize("address", ["/admin/nonsense", "/admin/messaging/contactlist/x/change/"])
def test_a_wrong_address_shows_our_own_page_while_debugging(
    cast: Cast, sign_in: SignIn, settings: Any, address: str
) -> None:
    settings.DEBUG = True
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "config.lib.api.pages.OwnNotFound"]

    answer = sign_in(cast.alice).get(address, follow=True)

    assert answer.status_code == 404
    assert "DEBUG = True" not in answer.content.decode()
