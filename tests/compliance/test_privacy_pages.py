"""The operators' pages of privacy: what is late is seen, rules are previewed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts import tenancy
from accounts.models import SecurityPolicy
from compliance.privacy import requests
from compliance.privacy.models import PrivacyBatch, PrivacyRequest, RetentionRule
from config.lib.ids import new_id
from messaging.contacts.models import Contact
from tests.admin.conftest import cast, sign_in  # noqa: F401  # fixtures
from tests.factories.accounts import MembershipFactory, UserFactory
from tests.factories.cast import Cast
from tests.factories.messaging import ContactFactory

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/compliance/privacyrequest/"
PHONE = "+34622990011"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}/media"
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/backups"


@pytest.fixture
def alice(cast: Cast, sign_in: Callable[..., Client]) -> Client:  # noqa: F811  # fixtures
    return sign_in(cast.alice)


@pytest.fixture
def contact(cast: Cast) -> Contact:  # noqa: F811  # the fixture
    made: Contact = ContactFactory.create(business=cast.business, phone=PHONE)
    return made


def the_request() -> PrivacyRequest:
    found: PrivacyRequest = PrivacyRequest.across_businesses.get()
    return found


def text(answer: Any) -> str:
    return str(answer.content.decode())


def ask(client: Client, **given: str) -> None:
    body = {
        "kind": "erasure", "asked_by": "person", "channel": "email", "note": "ticket 7",
        "received_at": str(timezone.localdate()), **given,
    }  # fmt: skip
    answer = client.post(f"{LIST}ask/", body)
    assert answer.status_code == 302, text(answer)


def test_a_request_is_noted_from_a_persons_page_started_and_certified(
    cast: Cast,  # noqa: F811  # the fixture
    alice: Client,
    contact: Contact,
) -> None:
    page = text(alice.get(f"/admin/messaging/contact/{contact.pk}/change/"))
    assert f"kind=erasure&amp;contact={contact.pk}" in page

    ask(alice, contact=str(contact.pk))
    request = the_request()
    shown = text(alice.get(f"{LIST}{request.pk}/change/"))
    assert "Nothing was deleted yet" in shown
    assert "Erase the person" in shown
    alice.post(reverse("admin:compliance_privacyrequest_start", args=[request.pk]))
    with tenancy.scope(cast.business):
        requests.perform(
            request.pk, clock=timezone.now, until=timezone.now() + timedelta(minutes=1)
        )

    shown = text(alice.get(f"{LIST}{request.pk}/change/"))
    assert "Signature is genuine" in shown
    assert "Messages waiting to be sent" in shown
    paper = alice.get(reverse("admin:compliance_privacyrequest_certificate", args=[request.pk]))
    assert paper.content.startswith(b"%PDF")
    assert not Contact.across_businesses.filter(pk=contact.pk).exists()


def test_what_is_late_is_red(cast: Cast, alice: Client, contact: Contact) -> None:  # noqa: F811
    ask(alice, contact=str(contact.pk))
    PrivacyRequest.across_businesses.update(due_at=timezone.now() - timedelta(days=2))

    assert "Overdue since" in text(alice.get(LIST))
    assert "The answer is overdue." in text(alice.get(f"{LIST}{the_request().pk}/change/"))


def test_a_number_that_is_none_is_said_beside_its_field(alice: Client, cast: Cast) -> None:  # noqa: F811
    body = {"kind": "access", "asked_by": "person", "channel": "email", "address": "12",
            "received_at": str(timezone.localdate())}  # fmt: skip
    answer = alice.post(f"{LIST}ask/", body)

    assert "The phone number is not valid" in text(answer)
    assert not PrivacyRequest.across_businesses.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"contact": str(new_id())},
        {"contact": "7"},
        {"address": ""},
        {"address": "\x00"},
        {"address": "\u202e" * 100},
        {"address": PHONE, "received_at": "2999-01-01"},
        {"address": PHONE, "received_at": "yesterday"},
        {"address": PHONE, "kind": "everything"},
        {"address": PHONE, "note": "x" * 2001},
    ],
)
def test_bad_input_comes_back_on_the_form(alice: Client, given: dict[str, str]) -> None:
    body = {"kind": "erasure", "asked_by": "person", "channel": "email",
            "received_at": str(timezone.localdate()), **given}  # fmt: skip
    answer = alice.post(f"{LIST}ask/", body)

    assert answer.status_code == 200
    assert not PrivacyRequest.across_businesses.exists()


def test_people_that_are_none_are_named_by_their_line(alice: Client) -> None:
    for people in ("", f"{PHONE}\n12", "\x00\x01 9", "+" + "9" * 200):
        answer = alice.post(f"{LIST}ask_several/", {"people": people, "source": "a letter"})
        assert answer.status_code == 200
    assert not PrivacyBatch.across_businesses.exists()


def name_people(client: Client, people: str, **more: Any) -> Any:
    body = {"people": people, "source": "a letter", **more}
    return client.post(f"{LIST}ask_several/", body, follow=True)


def test_no_line_is_left_out_unsaid(alice: Client) -> None:
    lines = [
        "", PHONE, "nonsense", "Maria Lopez, +34622990012", "", "foo@bar.com", "+34622990013",
        "DR.Lopez; 28013; +34 622 99 00 14", "28013",
    ]  # fmt: skip
    shown = text(name_people(alice, "\r\n".join(lines)))

    missing = "there is no phone number and no Meta user id in it"
    assert f"Line 3: {missing}. Line 6: {missing}. Line 9: " in shown
    assert shown.count("Line ") == 3
    assert not PrivacyBatch.across_businesses.exists()

    name_people(alice, "\r\n".join(line for n, line in enumerate(lines) if n not in {2, 5, 8}))

    assert PrivacyBatch.across_businesses.get().size == 4
    labels = PrivacyRequest.across_businesses.order_by("pk").values_list("label", flat=True)
    assert [label[-4:] for label in labels] == ["0011", "0012", "0013", "0014"]


def test_a_file_is_read_to_its_last_line_or_refused(alice: Client) -> None:
    def file(content: str) -> SimpleUploadedFile:
        return SimpleUploadedFile("people.csv", content.encode())

    shown = text(name_people(alice, PHONE, file=file("name;phone\nAna;+34622990012\nEva;12\n")))
    assert "Line 3 of the file: " in shown
    assert "Line 1" not in shown
    padded = f"+34622990012\n{' ' * 1024 * 1024}\n+34622990013"
    assert "larger than 1 MB" in text(name_people(alice, "", file=file(padded)))
    many = "\n".join(f"nobody {n}" for n in range(1001))
    assert "At most 1,000 people" in text(name_people(alice, many))
    assert "5 more lines" in text(name_people(alice, "\n".join(["nobody"] * 25)))
    assert not PrivacyBatch.across_businesses.exists()

    name_people(alice, PHONE, file=file("name;phone\nAna;+34622990012\n"))
    assert PrivacyBatch.across_businesses.get().size == 2


def test_a_first_line_with_a_number_is_no_header(alice: Client) -> None:
    name_people(alice, f"Phone, {PHONE}")

    assert PrivacyBatch.across_businesses.get().size == 1


def test_who_is_named_elsewhere_already_is_listed(alice: Client) -> None:
    name_people(alice, PHONE)
    ask(alice, address="+34622990012")

    shown = text(name_people(alice, f"{PHONE}\n+34622990012\n+34622990013"))

    assert "+34•••••0011 (in “a letter”), +34•••••0012 (a request of their own)." in shown
    assert sorted(PrivacyBatch.across_businesses.values_list("size", flat=True)) == [1, 1]


def test_a_batch_of_nobody_is_neither_made_nor_started(cast: Cast, alice: Client) -> None:  # noqa: F811
    name_people(alice, PHONE)
    shown = text(name_people(alice, PHONE))
    assert "Nobody is left to erase." in shown
    assert "+34•••••0011 (in “a letter”)" in shown
    batch = PrivacyBatch.across_businesses.get()

    alice.post(reverse("admin:compliance_privacyrequest_withdraw", args=[the_request().pk]))
    start = reverse("admin:compliance_privacybatch_start", args=[batch.pk])
    assert "Nobody is left in it to erase." in text(alice.post(start, follow=True))

    batch.refresh_from_db()
    assert batch.status == "waiting"


def test_several_people_need_a_second_person_where_that_is_set(
    cast: Cast,  # noqa: F811  # the fixture
    alice: Client,
    sign_in: Callable[..., Client],  # noqa: F811  # the fixture
    contact: Contact,
) -> None:
    second = UserFactory.create(email="second@example.com", name="Sofia")
    MembershipFactory.create(business=cast.business, user=second, role="owner")
    with tenancy.scope(cast.business):
        SecurityPolicy.objects.update_or_create(
            business=cast.business, defaults={"two_person": ["mass_erasure"]}
        )

    answer = alice.post(
        f"{LIST}ask_several/",
        {"people": f"phone,name\n{PHONE},Ana\n+34 622 99 00 12; Eva", "source": "asked by letter"},
    )
    assert answer.status_code == 302, text(answer)
    batch = PrivacyBatch.across_businesses.get()
    assert batch.size == 2
    start = reverse("admin:compliance_privacybatch_start", args=[batch.pk])
    alice.post(start)
    batch.refresh_from_db()
    assert batch.status == "waiting"
    one = PrivacyRequest.across_businesses.order_by("pk")[0]
    alice.post(reverse("admin:compliance_privacyrequest_start", args=[one.pk]))
    assert set(PrivacyRequest.across_businesses.values_list("status", flat=True)) == {"open"}

    with tenancy.scope(cast.business):
        from accounts.models import Approval

        approval = Approval.objects.get()
    who = "+34•••••0011, +34•••••0012"
    assert ["Who", who] in approval.summary
    page = reverse("admin:compliance_privacybatch_change", args=[batch.pk])
    assert who in text(sign_in(second).get(page))
    sign_in(second).post(reverse("admin:accounts_approval_approve", args=[approval.pk]))
    alice.post(start)

    batch.refresh_from_db()
    assert batch.status == "started"
    assert set(PrivacyRequest.across_businesses.values_list("status", flat=True)) == {"running"}


def test_nobody_is_erased_for_an_address_that_was_somebody_elses(
    cast: Cast,  # noqa: F811  # the fixture
    alice: Client,
    contact: Contact,
) -> None:
    name_people(alice, f"{PHONE}\n+34622990012")
    batch = PrivacyBatch.across_businesses.get()
    with tenancy.scope(cast.business):
        Contact.objects.filter(pk=contact.pk).update(phone="+34622990019", phone_key="+34622990019")
    ContactFactory.create(business=cast.business, phone=PHONE)

    start = reverse("admin:compliance_privacybatch_start", args=[batch.pk])
    shown = text(alice.post(start, follow=True))

    assert "Belongs to another contact since it was named: +34•••••0011." in shown
    batch.refresh_from_db()
    assert batch.status == "waiting"
    assert set(PrivacyRequest.across_businesses.values_list("status", flat=True)) == {"open"}


def test_rules_are_previewed_and_saved(cast: Cast, alice: Client) -> None:  # noqa: F811
    url = "/admin/compliance/retentionrule/"
    shown = text(alice.get(url))
    assert "Raw events from Meta" in shown
    assert "What no rule changes" in shown

    preview = text(alice.post(url, {"messages": "90", "preview": "1"}))
    assert "Nothing would go tonight." in preview
    assert not RetentionRule.across_businesses.exists()
    alice.post(url, {"messages": "90", "webhooks": "30", "imports": "30"})
    kept = RetentionRule.across_businesses.values_list("kind", "days")
    assert dict(kept) == {"messages": 90}
    assert "greater than or equal" in text(alice.post(url, {"messages": "1"}))


def test_people_chosen_on_the_list_are_named_together(
    cast: Cast,  # noqa: F811  # the fixture
    alice: Client,
    contact: Contact,
) -> None:
    url = "/admin/messaging/contact/"
    alice.post(url, {"action": "erase_chosen", "_selected_action": [str(contact.pk)]})
    assert "Why these people" in text(alice.get(f"{url}group/erase/"))

    alice.post(f"{url}group/erase/", {"source": "No purchase since 2021"})

    batch = PrivacyBatch.across_businesses.get()
    assert (batch.size, batch.status) == (1, "waiting")
    shown = text(alice.get(f"/admin/compliance/privacybatch/{batch.pk}/change/"))
    assert "No purchase since 2021" in shown


def test_a_deadline_is_told_in_days_of_the_business(cast: Cast, alice: Client) -> None:  # noqa: F811
    ask(alice, address=PHONE)
    midday = timezone.localtime().replace(hour=12)
    for days, said in ((0, "today"), (1, "tomorrow"), (9, "in 9 days")):
        due = (midday + timedelta(days=days)).replace(hour=23, minute=59)
        PrivacyRequest.across_businesses.update(due_at=due)

        assert f">{said}<" in text(alice.get(LIST))


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_day_of_asking_that_cannot_be_is_refused(day: str, cast: Cast, alice: Client) -> None:  # noqa: F811
    body = {"kind": "erasure", "asked_by": "person", "channel": "email", "address": PHONE}

    answer = alice.post(f"{LIST}ask/", body | {"received_at": day})

    assert answer.status_code == 200
    assert "day of asking" in text(answer)


def test_the_day_of_asking_is_the_browsers_own_field(alice: Client) -> None:
    page = alice.get(f"{LIST}ask/").content.decode()

    assert 'type="date"' in page
    assert "DateTimeShortcuts" not in page
