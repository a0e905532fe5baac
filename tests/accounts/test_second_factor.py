"""A second factor: codes are good once, wrong ones cost time, who owes one does nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html import unescape
from threading import Barrier
from typing import Any

import pytest
import time_machine
from axes.utils import reset
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import holdings, seals, second_factor, tenancy
from accounts.access import Access
from accounts.models import (
    Authenticator,
    Membership,
    RecoveryCode,
    Role,
    SecurityPolicy,
    User,
)
from accounts.second_factor import CodeRefused, CodeThrottled, Demanded
from compliance.models import AuditEntry
from config.lib.errors import NotAllowed, NotFound
from tests.accounts.test_races import wait_until_it_waits
from tests.factories.accounts import PASSWORD, MembershipFactory
from tests.factories.cast import Cast, client_of, make_cast

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LOGIN, CODE, OWN = "/admin/login/", "/admin/login/code/", "/admin/second-factor/"
CREDENTIALS = {"username": "alice@example.com", "password": PASSWORD}


@pytest.fixture(autouse=True)
def no_lock_left(db: None) -> Iterator[None]:
    """Start without failures counted."""
    yield
    reset()


def enrol(user: User, now: datetime = NOON) -> tuple[str, list[str]]:
    """Give the user a second factor; return its secret and the recovery codes."""
    key = second_factor.begin(user=user, now=now).key
    before = now - timedelta(minutes=5)
    codes = second_factor.confirm(
        user=user, code=second_factor.code_at(key, before), keep=None, now=before
    )
    return key, codes


def code_of(key: str, now: datetime = NOON) -> str:
    return second_factor.code_at(key, now)


def wrong(key: str, now: datetime = NOON) -> str:
    """Return a code that is none of those that would be taken."""
    good = {code_of(key, now + timedelta(seconds=step)) for step in (-30, 0, 30)}
    return next(one for one in ("000000", "111111", "222222", "333333") if one not in good)


def sign_in(**given: str) -> Any:
    body = {"email": "alice@example.com", "password": PASSWORD, **given}
    return APIClient().post("/api/auth/token", body)


def error_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def demand(cast: Cast) -> None:
    with tenancy.scope(cast.business):
        SecurityPolicy.objects.create(business=cast.business, needs_second_factor=True)


# the ledger of codes


def test_the_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B, in the six digits apps show."""
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

    shown = {at: second_factor.code_at(key, datetime.fromtimestamp(at, UTC)) for at in (59, 1e9)}

    assert shown[59] == "287082"
    assert len(shown[1e9]) == 6


def test_the_code_of_now_is_good_and_good_once(cast: Cast) -> None:
    key, _ = enrol(cast.alice)

    second_factor.verify(user=cast.alice, code=code_of(key), now=NOON)

    with pytest.raises(CodeRefused):
        second_factor.verify(user=cast.alice, code=code_of(key), now=NOON)


def test_an_older_code_than_the_last_is_not_taken(cast: Cast) -> None:
    key, _ = enrol(cast.alice)
    second_factor.verify(user=cast.alice, code=code_of(key), now=NOON)

    with pytest.raises(CodeRefused):
        second_factor.verify(
            user=cast.alice, code=code_of(key, NOON - timedelta(seconds=30)), now=NOON
        )


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(-60, False), (-30, True), (30, True), (60, False)]
)
def test_a_clock_may_be_one_step_off(cast: Cast, seconds: int, is_good: bool) -> None:
    key, _ = enrol(cast.alice)
    code = code_of(key, NOON + timedelta(seconds=seconds))

    if is_good:
        second_factor.verify(user=cast.alice, code=code, now=NOON)
    else:
        with pytest.raises(CodeRefused):
            second_factor.verify(user=cast.alice, code=code, now=NOON)


def test_the_code_that_enrolled_is_not_taken_again(cast: Cast) -> None:
    key = second_factor.begin(user=cast.alice, now=NOON).key
    second_factor.confirm(user=cast.alice, code=code_of(key), keep=None, now=NOON)

    with pytest.raises(CodeRefused):
        second_factor.verify(user=cast.alice, code=code_of(key), now=NOON)


def test_wrong_codes_make_one_wait_twice_as_long_each_time(cast: Cast) -> None:
    key, _ = enrol(cast.alice)
    now, waits = NOON, []

    for _ in range(5):
        with pytest.raises(CodeRefused):
            second_factor.verify(user=cast.alice, code=wrong(key, now), now=now)
        with pytest.raises(CodeThrottled) as refused:
            second_factor.verify(user=cast.alice, code=code_of(key, now), now=now)
        waits.append(refused.value.retry_after_seconds)
        now += timedelta(seconds=refused.value.retry_after_seconds)

    assert waits == [1, 2, 4, 8, 16]
    second_factor.verify(user=cast.alice, code=code_of(key, now), now=now)


def test_nobody_is_locked_out_for_longer_than_a_quarter_of_an_hour(cast: Cast) -> None:
    key, _ = enrol(cast.alice)
    Authenticator.objects.update(throttling_failure_count=4000, throttling_failure_timestamp=NOON)

    with pytest.raises(CodeThrottled) as refused:
        second_factor.verify(user=cast.alice, code=code_of(key), now=NOON)

    assert refused.value.retry_after_seconds == 900


@pytest.mark.parametrize(
    "code", ["", " ", "12345", "1234567", "١٢٣٤٥٦", "-12345", "1e5", "12 45", "A" * 12, "\x00" * 6]
)
def test_what_is_no_code_is_refused(cast: Cast, code: str) -> None:
    enrol(cast.alice)

    with pytest.raises(CodeRefused):
        second_factor.verify(user=cast.alice, code=code, now=NOON)


def test_spaces_in_a_code_are_what_apps_show(cast: Cast) -> None:
    key, _ = enrol(cast.alice)
    code = code_of(key)

    second_factor.verify(user=cast.alice, code=f" {code[:3]} {code[3:]} ", now=NOON)


def test_a_recovery_code_stands_in_once(cast: Cast) -> None:
    _, codes = enrol(cast.alice)

    second_factor.verify(user=cast.alice, code=codes[0], now=NOON)
    second_factor.verify(user=cast.alice, code=codes[1].lower().replace("-", " "), now=NOON)

    assert second_factor.count_codes(cast.alice) == 8
    with pytest.raises(CodeRefused):
        second_factor.verify(user=cast.alice, code=codes[0], now=NOON)


def test_a_recovery_code_is_of_one_person(cast: Cast) -> None:
    _, codes = enrol(cast.alice)
    enrol(cast.bob)

    with pytest.raises(CodeRefused):
        second_factor.verify(user=cast.bob, code=codes[0], now=NOON)


def test_new_recovery_codes_end_the_old(cast: Cast) -> None:
    _, old = enrol(cast.alice)

    new = second_factor.renew_codes(user=cast.alice, now=NOON)

    assert len(set(new)) == 10
    with pytest.raises(CodeRefused):
        second_factor.verify(user=cast.alice, code=old[0], now=NOON)


def test_nothing_that_opens_an_account_is_stored_in_plain(cast: Cast) -> None:
    key, codes = enrol(cast.alice)

    with connection.cursor() as cursor:
        cursor.execute("SELECT a::text FROM accounts_authenticator a")
        stored = str(cursor.fetchall())
        cursor.execute("SELECT r::text FROM accounts_recoverycode r")
        stored += str(cursor.fetchall())

    assert key not in stored
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    assert Authenticator.objects.get().key == key


def test_a_new_app_replaces_the_old_only_when_it_showed_a_code(cast: Cast) -> None:
    old, _ = enrol(cast.alice)
    new = second_factor.begin(user=cast.alice, now=NOON).key
    second_factor.verify(user=cast.alice, code=code_of(old), now=NOON)

    later = NOON + timedelta(minutes=1)
    second_factor.confirm(user=cast.alice, code=code_of(new, later), keep=None, now=later)

    after = later + timedelta(minutes=1)
    with pytest.raises(CodeRefused):
        second_factor.verify(user=cast.alice, code=code_of(old, after), now=after)
    second_factor.verify(
        user=cast.alice, code=code_of(new, after), now=after + timedelta(seconds=2)
    )


def test_a_secret_that_was_not_confirmed_opens_nothing_and_asks_nothing(cast: Cast) -> None:
    second_factor.begin(user=cast.alice, now=NOON)

    assert not second_factor.is_enrolled(cast.alice)
    assert sign_in().status_code == 200


@pytest.mark.django_db(transaction=True)
def test_one_code_used_ten_times_at_once_is_taken_once() -> None:
    cast = make_cast()
    key, codes = enrol(cast.alice)
    barrier = Barrier(10)

    def use(code: str) -> bool:
        barrier.wait()
        try:
            second_factor.verify(user=cast.alice, code=code, now=NOON)
        except (CodeRefused, CodeThrottled):
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(10) as threads:
        for code in (code_of(key), codes[0]):
            Authenticator.objects.update(throttling_failure_count=0)
            assert sum(threads.map(use, [code] * 10)) == 1


# the API


def test_the_token_route_asks_for_a_code(cast: Cast) -> None:
    key, _ = enrol(cast.alice, timezone.now())

    without, blank = sign_in(), sign_in(otp=" ")
    bad = sign_in(otp=wrong(key, timezone.now()))
    with time_machine.travel(timezone.now() + timedelta(seconds=2), tick=False):
        good = sign_in(otp=code_of(key, timezone.now()))

    assert error_of(without) == error_of(blank) == (401, "second_factor_required")
    assert error_of(bad) == (401, "second_factor_invalid")
    assert good.status_code == 200


def test_a_wrong_password_is_not_told_of_the_second_factor(cast: Cast) -> None:
    key, _ = enrol(cast.alice, timezone.now())

    refused = sign_in(password="wrong", otp=code_of(key, timezone.now()))

    assert error_of(refused) == (401, "invalid_credentials")


def test_a_recovery_code_opens_the_api(cast: Cast) -> None:
    _, codes = enrol(cast.alice, timezone.now())

    assert sign_in(otp=codes[3]).status_code == 200
    assert error_of(sign_in(otp=codes[3])) == (401, "second_factor_invalid")


def test_too_many_wrong_codes_lock_the_account_here(cast: Cast) -> None:
    enrol(cast.alice, timezone.now())
    start, found = timezone.now(), []

    for minute in range(5):
        with time_machine.travel(start + timedelta(minutes=minute), tick=False):
            found.append(error_of(sign_in(otp="AAAA-AAAA-AAAA")))

    assert found[:4] == [(401, "second_factor_invalid")] * 4
    assert found[4] == (429, "sign_in_locked")


def test_codes_in_a_row_are_throttled(cast: Cast) -> None:
    enrol(cast.alice, timezone.now())

    with time_machine.travel(timezone.now(), tick=False):
        sign_in(otp="AAAA-AAAA-AAAA")
        refused = sign_in(otp="BBBB-BBBB-BBBB")

    assert error_of(refused) == (429, "second_factor_throttled")
    assert refused["Retry-After"] == "1"


@pytest.mark.parametrize("otp", [None, 123456, ["1"], {"a": 1}, "x" * 33, "\x00"])
def test_a_code_of_a_wrong_type_is_a_4xx(cast: Cast, otp: object) -> None:
    enrol(cast.alice, timezone.now())
    body = {"email": "alice@example.com", "password": PASSWORD, "otp": otp}

    assert 400 <= APIClient().post("/api/auth/token", body).status_code < 500


def test_enrolling_signs_out_everywhere_else(cast: Cast) -> None:
    client = client_of(cast.alice)

    enrol(cast.alice, timezone.now())

    assert client.get("/api/auth/me").status_code == 401


def test_who_owes_a_second_factor_does_nothing_in_that_business(cast: Cast) -> None:
    demand(cast)
    MembershipFactory.create(business=cast.other_business, user=cast.alice, role=Role.AGENT)

    here, there = client_of(cast.alice, cast.business), client_of(cast.alice, cast.other_business)

    assert error_of(here.get("/api/users")) == (403, "second_factor_enrolment_required")
    assert error_of(here.post("/api/users", {})) == (403, "second_factor_enrolment_required")
    assert there.get("/api/users").status_code == 200


def test_who_has_one_works_where_it_is_demanded(cast: Cast) -> None:
    demand(cast)
    enrol(cast.alice, timezone.now())

    assert client_of(cast.alice).get("/api/users").status_code == 200


def test_platform_admins_owe_one_where_the_installation_says_so(cast: Cast, settings: Any) -> None:
    settings.PLATFORM_ADMINS_NEED_SECOND_FACTOR = True
    client = client_of(cast.paula, cast.business)

    for answer in (client.get("/api/users"), client_of(cast.paula).get("/api/businesses")):
        assert error_of(answer) == (403, "second_factor_enrolment_required")
    assert client_of(cast.alice).get("/api/users").status_code == 200


# the admin


def page(client: Client, url: str = OWN) -> str:
    return unescape(client.get(url).content.decode())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_admin_asks_for_the_code_before_any_page(cast: Cast) -> None:
    key, _ = enrol(cast.alice, timezone.now())
    client = Client()

    asked = client.post(f"{LOGIN}?next=/admin/accounts/membership/", CREDENTIALS)
    before = client.get("/admin/")
    done = client.post(CODE, {"code": code_of(key, timezone.now())})

    assert (asked.status_code, asked["Location"]) == (302, CODE)
    assert before["Location"].startswith(LOGIN)
    assert done["Location"] == "/admin/accounts/membership/"
    assert client.get("/admin/").status_code == 200


def test_without_a_second_factor_the_password_opens_the_admin(cast: Cast) -> None:
    answer = Client().post(LOGIN, CREDENTIALS)

    assert answer["Location"] == "/admin/"


def test_a_wrong_code_signs_nobody_in(cast: Cast) -> None:
    key, _ = enrol(cast.alice, timezone.now())
    client = Client()
    client.post(LOGIN, CREDENTIALS)

    refused = client.post(CODE, {"code": wrong(key, timezone.now())})

    assert "is not good" in refused.content.decode()
    assert client.get("/admin/").status_code == 302


def test_the_code_page_without_a_password_leads_to_the_sign_in(cast: Cast) -> None:
    assert Client().get(CODE)["Location"] == LOGIN
    assert Client().post(CODE, {"code": "123456"})["Location"] == LOGIN


def test_five_minutes_after_the_password_it_is_asked_again(cast: Cast) -> None:
    key, _ = enrol(cast.alice, timezone.now())
    client = Client()
    client.post(LOGIN, CREDENTIALS)
    later = timezone.now() + timedelta(minutes=5, seconds=1)

    with time_machine.travel(later, tick=False):
        answer = client.post(CODE, {"code": code_of(key, later)})

    assert answer["Location"] == LOGIN


def test_a_password_changed_in_between_ends_the_attempt(cast: Cast) -> None:
    key, _ = enrol(cast.alice, timezone.now())
    client = Client()
    client.post(LOGIN, CREDENTIALS)
    cast.alice.set_password("another long and strange sentence")
    cast.alice.save()

    assert client.post(CODE, {"code": code_of(key, timezone.now())})["Location"] == LOGIN


def test_the_page_leads_nowhere_else(cast: Cast) -> None:
    key, _ = enrol(cast.alice, timezone.now())
    client = Client()
    client.post(f"{LOGIN}?next=https://evil.example/", CREDENTIALS)

    assert client.post(CODE, {"code": code_of(key, timezone.now())})["Location"] == "/admin/"


def test_wrong_codes_lock_the_admin_too(cast: Cast) -> None:
    enrol(cast.alice, timezone.now())
    client, start = Client(), timezone.now()

    for minute in range(5):
        with time_machine.travel(start + timedelta(minutes=minute), tick=False):
            client.post(LOGIN, CREDENTIALS)
            answer = client.post(CODE, {"code": "AAAA-AAAA-AAAA"})

    assert answer.status_code == 429


def test_one_sets_it_up_with_a_picture_and_a_key(cast: Cast) -> None:
    client = signed_in(cast.alice)
    elsewhere = client_of(cast.alice)

    client.post(OWN, {"step": "begin", "password": PASSWORD})
    shown = page(client)
    key = Authenticator.objects.get().key
    done = client.post(OWN, {"step": "confirm", "code": code_of(key, timezone.now())})
    codes = re.findall(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", done.content.decode())

    assert "<svg" in shown
    assert "<style" not in shown.split("<svg")[1].split("</svg>")[0]
    assert key in shown.replace(" ", "")
    assert "https://" not in shown.split("<svg")[1].split("</svg>")[0]
    assert len(codes) == 10
    assert "no-store" in done["Cache-Control"]
    assert "Your second factor is on" in page(client)
    assert not any(code in page(client) for code in codes)
    assert elsewhere.get("/api/auth/me").status_code == 401


def test_setting_it_up_asks_for_the_password(cast: Cast) -> None:
    client = signed_in(cast.alice)

    refused = client.post(OWN, {"step": "begin", "password": "wrong"})

    assert "not your password" in refused.content.decode()
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("step", ["begin", "codes", "off"])
def test_changing_it_takes_password_and_code(cast: Cast, step: str) -> None:
    key, _ = enrol(cast.alice, timezone.now())
    client = signed_in(cast.alice)
    code = code_of(key, timezone.now())
    before = list(RecoveryCode.objects.order_by("pk").values_list("digest", flat=True))

    client.post(OWN, {"step": step, "password": PASSWORD})
    client.post(OWN, {"step": step, "code": code})
    client.post(OWN, {"step": step, "password": "wrong", "code": code})

    assert second_factor.is_enrolled(cast.alice)
    assert second_factor.find_pending(cast.alice) is None
    now = list(RecoveryCode.objects.order_by("pk").values_list("digest", flat=True))
    assert now == before


def test_one_takes_it_off(cast: Cast) -> None:
    key, _ = enrol(cast.alice, timezone.now())
    client = signed_in(cast.alice)

    client.post(OWN, {"step": "off", "password": PASSWORD, "code": code_of(key, timezone.now())})

    assert not second_factor.is_enrolled(cast.alice)
    assert not RecoveryCode.objects.exists()


def test_what_is_demanded_is_not_taken_off(cast: Cast) -> None:
    demand(cast)
    enrol(cast.alice)

    with pytest.raises(Demanded):
        second_factor.take_off(user=cast.alice, now=NOON)


def test_every_page_leads_who_owes_one_to_set_it_up(cast: Cast) -> None:
    demand(cast)
    client = signed_in(cast.alice)

    found = {url: client.get(url) for url in ("/admin/", "/admin/accounts/membership/")}
    posted = client.post("/admin/accounts/securitypolicy/", {})

    assert {one["Location"] for one in [*found.values(), posted]} == {OWN}
    assert "demanded here" in page(client)
    client.post(OWN, {"step": "begin", "password": PASSWORD})
    key = Authenticator.objects.get().key
    client.post(OWN, {"step": "confirm", "code": code_of(key, timezone.now())})
    assert client.get("/admin/accounts/membership/").status_code == 200


def test_who_owes_one_in_one_business_works_in_another(cast: Cast) -> None:
    demand(cast)
    MembershipFactory.create(business=cast.other_business, user=cast.alice, role=Role.AGENT)
    client = signed_in(cast.alice)

    client.post("/admin/business/switch/", {"business": str(cast.other_business.pk)})

    assert client.get("/admin/accounts/membership/").status_code == 200


def test_a_session_of_who_owes_one_opens_no_route(cast: Cast) -> None:
    demand(cast)

    refused = signed_in(cast.alice).get("/api/users")

    assert error_of(refused) == (403, "second_factor_enrolment_required")


# a lost one


def access_of(cast: Cast, user: User) -> Access:
    return Access(user, None, cast.business, holdings.effective(user, cast.business))


def reset_by(cast: Cast, by: User, whom: User) -> None:
    membership = Membership.objects.get(user=whom, business=cast.business)
    with tenancy.scope(cast.business):
        second_factor.reset(membership=membership, by=access_of(cast, by), now=NOON)


def test_an_owner_resets_a_lost_one_which_signs_out_everywhere(cast: Cast) -> None:
    enrol(cast.bob, timezone.now())
    client = client_of(cast.bob)

    answer = client_of(cast.alice).delete(f"/api/users/{cast.bob.pk}/second-factor")

    assert answer.status_code == 204
    assert not second_factor.is_enrolled(cast.bob)
    assert client.get("/api/auth/me").status_code == 401
    entry = AuditEntry.objects.filter(action="second_factor.changed").latest("id")
    assert (entry.actor, entry.resource_id) == (cast.alice, str(cast.bob.pk))
    assert entry.details["change"] == "reset"


def test_nobody_resets_their_own_or_that_of_a_higher_rank(cast: Cast) -> None:
    manager = cast.add(Role.MANAGER)
    enrol(cast.alice)
    enrol(manager)

    for by, whom in ((manager, manager), (manager, cast.alice)):
        with pytest.raises(NotAllowed):
            reset_by(cast, by, whom)


def test_who_works_elsewhere_too_is_reset_by_a_platform_admin(cast: Cast) -> None:
    enrol(cast.bob)
    MembershipFactory.create(business=cast.other_business, user=cast.bob)

    with pytest.raises(NotAllowed):
        reset_by(cast, cast.alice, cast.bob)
    reset_by(cast, cast.paula, cast.bob)

    assert not second_factor.is_enrolled(cast.bob)


def test_there_is_nothing_to_reset_of_who_has_none(cast: Cast) -> None:
    with pytest.raises(NotFound):
        reset_by(cast, cast.alice, cast.bob)


def test_the_trail_names_every_step_and_no_secret(cast: Cast) -> None:
    key, codes = enrol(cast.alice)
    second_factor.verify(user=cast.alice, code=codes[0], now=NOON)
    second_factor.renew_codes(user=cast.alice, now=NOON)
    second_factor.take_off(user=cast.alice, now=NOON)

    entries = AuditEntry.objects.filter(action="second_factor.changed").order_by("id")

    steps = [one.details["change"] for one in entries]
    assert steps == ["enrolled", "recovery_code_used", "codes_renewed", "taken_off"]
    assert key not in str(list(AuditEntry.objects.values()))


def test_who_owes_one_changes_nothing_by_the_route_that_names_no_business(cast: Cast) -> None:
    demand(cast)
    alice, url = client_of(cast.alice), f"/api/businesses/{cast.business.pk}"

    answers = [alice.get(url), alice.patch(url, {"name": "Hers"})]

    assert {error_of(one) for one in answers} == {(403, "second_factor_enrolment_required")}
    cast.business.refresh_from_db()
    assert cast.business.name == "Alice's Flowers"


def test_there_are_no_recovery_codes_without_a_second_factor(cast: Cast) -> None:
    with pytest.raises(NotFound):
        second_factor.renew_codes(user=cast.alice, now=NOON)

    page_of_hers = signed_in(cast.alice)
    page_of_hers.post(OWN, {"step": "codes", "password": PASSWORD})
    assert not RecoveryCode.objects.filter(user=cast.alice).exists()


def test_a_new_field_key_leaves_app_and_recovery_codes_good(cast: Cast, settings: Any) -> None:
    key, codes = enrol(cast.alice)
    settings.FIELD_ENCRYPTION_KEYS = ["a new key", *settings.FIELD_ENCRYPTION_KEYS]
    seals.reseal_all()
    settings.FIELD_ENCRYPTION_KEYS = ["a new key"]

    second_factor.verify(user=cast.alice, code=codes[0], now=NOON)
    second_factor.verify(user=cast.alice, code=code_of(key), now=NOON)


def test_a_wrong_code_on_the_page_stands_in_the_trail_as_one(cast: Cast) -> None:
    enrol(cast.alice, timezone.now())
    client = Client()
    client.post(LOGIN, CREDENTIALS)

    client.post(CODE, {"code": "AAAA-AAAA-AAAA"})
    client.post(LOGIN, {**CREDENTIALS, "password": "wrong"})

    failed = AuditEntry.objects.filter(action="user.sign_in_failed").order_by("created_at")
    assert [one.details["code"] for one in failed] == [
        "second_factor_invalid",
        "invalid_credentials",
    ]


@pytest.mark.django_db(transaction=True)
def test_codes_renewed_five_times_at_once_are_ten() -> None:
    cast = make_cast()
    enrol(cast.alice)
    barrier = Barrier(5)

    def renew(_: int) -> None:
        barrier.wait()
        try:
            second_factor.renew_codes(user=cast.alice, now=NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(renew, range(5)))

    assert second_factor.count_codes(cast.alice) == 10


@pytest.mark.parametrize("is_page", [False, True])
@pytest.mark.django_db(transaction=True)
def test_who_signs_in_while_it_is_set_up_is_asked_for_a_code(is_page: bool) -> None:
    cast = make_cast()
    key = second_factor.begin(user=cast.alice, now=NOON).key
    client = Client()

    def open_with_the_password() -> Any:
        try:
            return client.post(LOGIN, CREDENTIALS) if is_page else sign_in()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            second_factor.confirm(user=cast.alice, code=code_of(key), keep=None, now=NOON)
            answer = threads.submit(open_with_the_password)
            wait_until_it_waits(answer)
        answered = answer.result()

    if is_page:
        assert answered.headers["Location"] == CODE
        assert client.get("/admin/").status_code == 302
    else:
        assert error_of(answered) == (401, "second_factor_required")
