"""Imports of contacts: verdicts, consent, resuming, isolation."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from accounts import tenancy
from accounts.models import Business
from compliance import consent
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope
from config.dev import example_contacts
from config.lib.errors import InvalidInput
from messaging.contacts import importing, imports, pages
from messaging.contacts.models import Contact, ContactImport
from tests.factories.accounts import BusinessFactory
from tests.factories.compliance import opt_in, opt_out
from tests.factories.contacts import NOW, ContactFactory, imported, left_number, uploaded

HEADER = "Name,Phone,Consent,Consent date,Tags,City,BSUID,Language\n"


@pytest.fixture(autouse=True)
def media_storage(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}"


@pytest.fixture
def business(db: None) -> Iterator[Business]:
    made = BusinessFactory.create()
    with tenancy.scope(made):
        yield made


def table(*rows: str) -> bytes:
    return (HEADER + "\n".join(rows) + "\n").encode()


def verdict_of(business: Business, row: str) -> str:
    [only] = uploaded(business, table(row)).sample
    return str(only["verdict"])


def may_write(*keys: str, scope: Scope = Scope.MARKETING) -> object:
    return consent.check(addresses=keys, scope=scope)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ("Ana,+34600555001,yes", "created"),
        ("Ana,,yes,,,,ES.13491208655302741918", "created"),
        ("Ana,600555001,", "imported_without_consent"),
        ("Ana,600555001,maybe", "imported_without_consent"),
        ("Ana,600555001,no", "consent_withdrawn"),
        ("Ana,3.46E+10,yes", "invalid_phone"),
        ("Ana,,yes", "missing_address"),
        ("Ana,,yes,,,,not-an-id", "invalid_bsuid"),
        (f"{'A' * 201},600555001,yes", "name_too_long"),
        (f"Ana,600555001,yes,,,{'x' * 1001}", "value_too_long"),
        (f"Ana,600555001,yes,,{'t' * 61}", "invalid_tag"),
        ("Ana,600555001,yes,31/02/2024", "invalid_consent_date"),
        ("Ana,600555001,yes,2099-01-01", "invalid_consent_date"),
        ("Ana,600555001,2099-01-01", "invalid_consent_date"),
        ("Ana,600555001,,2099-01-01", "invalid_consent_date"),
        ("Ana,600555001,yes,,,,,Klingon", "unknown_language"),
    ],
)
def test_every_row_gets_its_verdict(business: Business, row: str, verdict: str) -> None:
    assert verdict_of(business, row) == verdict


def test_a_block_alone_is_no_consent(business: Business) -> None:
    ContactFactory.create(business=business, phone="+34600555001")
    consent.record(
        addresses=["+34600555001"],
        scopes=consent.expand("all"),
        status=ConsentStatus.BLOCKED,
        source=ConsentEvent.Source.ADMIN,
        occurred_at=NOW,
        now=NOW,
        until=NOW + timedelta(days=30),
    )

    assert verdict_of(business, "Ana,600555001,") == "imported_without_consent"


def test_a_preview_writes_nothing_about_anybody(business: Business) -> None:
    made = uploaded(business, table("Ana,600555001,yes", "Eva,bad,yes"))

    assert made.status == ContactImport.Status.READY
    assert made.verdicts == {"created": 1, "invalid_phone": 1}
    assert (made.rows_total, made.created_count, made.refused_count) == (2, 1, 1)
    assert not Contact.objects.exists()
    assert not ConsentEvent.objects.exists()


def test_a_commit_writes_contacts_consent_tags_variables_and_the_list(business: Business) -> None:
    made = imported(
        business,
        table('Ana,600 555 001,yes,2024-05-01,"vip, new",Madrid,,es'),
        filename="C:\\data\\spring.csv",
    )

    contact = Contact.objects.get()
    assert (contact.name, contact.phone, contact.language) == ("Ana", "+34600555001", "es")
    assert contact.attributes == {"city": "Madrid"}
    assert {entry.tag.name for entry in contact.tag_entries.all()} == {"vip", "new"}
    assert made.list is not None
    assert made.list.name.startswith("Import of ")
    assert made.list.size == 1
    event = ConsentEvent.objects.filter(scope=Scope.MARKETING).get()
    assert event.evidence == {
        "kind": "file_row", "import": str(made.pk), "row": 2, "sha256": made.sha256
    }  # fmt: skip
    assert event.occurred_at == datetime(2024, 5, 1, tzinfo=UTC)
    assert may_write("+34600555001") == consent.Allowed()
    assert made.status == ContactImport.Status.DONE


def test_what_the_file_leaves_empty_stays_as_it_was(business: Business) -> None:
    known = ContactFactory.create(
        business=business, phone="+34600555001", name="Ana", attributes={"city": "Lugo", "vip": "1"}
    )

    made = imported(business, table(",600555001,yes,,,Madrid"))

    known.refresh_from_db()
    assert (known.name, known.attributes) == ("Ana", {"city": "Madrid", "vip": "1"})
    assert (made.created_count, made.updated_count) == (0, 1)


def test_a_withdrawn_consent_is_recorded_in_every_scope(business: Business) -> None:
    imported(business, table("Ana,600555001,no"))

    states = Consent.objects.values_list("scope", "status")
    assert set(states) == {(scope.value, "opted_out") for scope in Scope}


def test_a_withdrawn_consent_under_a_number_the_person_left_reaches_them(
    business: Business,
) -> None:
    left_number(business, "+34600555001", "+34600555002")
    opt_in(business, "+34600555002", at=datetime(2025, 1, 1, tzinfo=UTC))

    imported(business, table("Ana,600555001,no"))

    assert may_write("+34600555002") == consent.Refused("opted_out")


def test_a_later_opt_out_in_the_ledger_is_not_overruled(business: Business) -> None:
    opt_out(business, "+34600555001", at=datetime(2025, 1, 1, tzinfo=UTC))

    made = imported(business, table("Ana,600555001,yes,2024-05-01", "Eva,600555002,yes"))

    assert made.verdicts == {"stays_opted_out": 1, "created": 1}
    assert may_write("+34600555001") == consent.Refused("opted_out")


def test_an_undated_yes_never_overrules_an_opt_out(business: Business) -> None:
    opt_out(business, "+34600555001", at=datetime(2020, 1, 1, tzinfo=UTC))

    assert imported(business, table("Ana,600555001,yes")).verdicts == {"stays_opted_out": 1}
    assert may_write("+34600555001") == consent.Refused("opted_out")


def test_a_yes_given_after_the_opt_out_counts_again(business: Business) -> None:
    opt_out(business, "+34600555001", at=datetime(2023, 1, 1, tzinfo=UTC))

    assert imported(business, table("Ana,600555001,yes,2024-05-01")).verdicts == {"created": 1}
    assert may_write("+34600555001") == consent.Allowed()


def test_an_opt_out_at_the_persons_other_address_is_seen(business: Business) -> None:
    ContactFactory.create(business=business, phone="+34600555001", bsuid="ES.1")
    opt_out(business, "ES.1", at=NOW - timedelta(days=1))

    assert verdict_of(business, "Ana,600555001,yes,2024-05-01") == "stays_opted_out"


def test_a_yes_of_a_day_that_has_not_begun_here_overrules_no_recent_opt_out(
    business: Business,
) -> None:
    opt_out(business, "+34600555001", at=NOW - timedelta(hours=1))
    tomorrow = f"{NOW + timedelta(days=1):%Y-%m-%d}"

    imported(business, table(f"Ana,600555001,yes,{tomorrow}"))

    assert may_write("+34600555001") == consent.Refused("opted_out")


def test_somebody_with_standing_consent_needs_none_in_the_file(business: Business) -> None:
    ContactFactory.create(business=business, phone="+34600555001")
    opt_in(business, "+34600555001")

    assert verdict_of(business, "Ana,600555001,") == "updated"


def test_a_second_row_about_a_person_is_a_duplicate_in_any_spelling(business: Business) -> None:
    made = imported(
        business,
        table("Ana,+55 11 98555-0001,yes", "ANA,+55 11 8555-0001,yes", "Ana,0055 11985550001,yes"),
    )

    assert made.verdicts == {"created": 1, "duplicate_in_file": 2}
    assert "row 2" in made.sample[1]["reason"] or made.sample[1]["reason"].endswith("row 2.")


def test_a_second_row_that_says_no_wins(business: Business) -> None:
    imported(business, table("Ana,600555001,yes,2024-05-01", "Ana,+34600555001,no"))

    assert may_write("+34600555001") == consent.Refused("opted_out")


def test_everyone_agreed_needs_the_wording_and_keeps_it(business: Business) -> None:
    with pytest.raises(InvalidInput) as caught:
        uploaded(business, table("Ana,600555001,"), everyone_agreed=True)
    assert caught.value.attr == "consent_wording"

    imported(
        business, table("Ana,600555001,", "Eva,600555002,no"),
        everyone_agreed=True, consent_wording="I agree to offers.",
    )  # fmt: skip

    assert may_write("+34600555001") == consent.Allowed()
    assert may_write("+34600555002") == consent.Refused("opted_out")
    granted = ConsentEvent.objects.filter(address="+34600555001").first()
    assert granted is not None
    assert granted.wording == "I agree to offers."


def test_the_operator_corrects_a_column_and_the_file_is_judged_again(business: Business) -> None:
    content = b"Who,Reach,Ok\nAna,600555001,yes\n"
    made = uploaded(business, content)
    assert made.verdicts == {"imported_without_consent": 1}

    mapping = {"Who": "name", "Reach": "phone", "Ok": "consent"}
    imports.configure(made, mapping=mapping, now=NOW)
    imports.run(import_id=made.pk, now=NOW)

    made.refresh_from_db()
    assert made.verdicts == {"created": 1}
    assert made.status == ContactImport.Status.READY


def test_a_commit_before_the_preview_is_through_is_refused(business: Business) -> None:
    made = imports.create(
        file=io.BytesIO(table("A,600555001,yes")), filename="a.csv", by=None, now=NOW
    )

    with pytest.raises(imports.NotReady):
        imports.commit(made, by=None, now=NOW)


def test_the_refused_rows_come_back_with_reasons_and_run_nothing(business: Business) -> None:
    made = uploaded(business, table('"=HYPERLINK(1)",bad,yes', "Eva,600555002,yes", "Bo,+34 1,yes"))

    rows = list(csv.reader(io.StringIO(imports.open_refused(made).read().decode("utf-8-sig"))))

    assert rows[0][:3] == ["Row", "Name", "Phone"]
    assert rows[0][-2:] == ["Verdict", "Reason"]
    assert [(row[0], row[1], row[2], row[-2]) for row in rows[1:]] == [
        ("2", "'=HYPERLINK(1)", "bad", "invalid_phone"),
        ("4", "Bo", "+34 1", "invalid_phone"),
    ]


def test_a_killed_worker_is_followed_at_the_next_page_without_counting_twice(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SIZE", 10)
    rows = [f"P{n},6005550{n % 30:02d},yes,2024-05-01,t{n % 3}" for n in range(45)]
    made = uploaded(business, table(*rows))
    expected = dict(made.verdicts)
    imports.commit(made, by=None, now=NOW)
    real = pages.write

    def dies_in_the_third_page(page: Any, **kwargs: Any) -> pages.Written:
        written = real(page, **kwargs)
        if page[0].number > 20:
            raise KeyboardInterrupt
        return written

    with monkeypatch.context() as patched:
        patched.setattr(pages, "write", dies_in_the_third_page)
        with pytest.raises(KeyboardInterrupt):
            imports.run(import_id=made.pk, now=NOW)
    made.refresh_from_db()
    assert (made.status, made.rows_done) == ("importing", 20)

    later = NOW + timedelta(hours=1)
    ContactImport.objects.update(progress_at=NOW)
    assert imports.resume_stalled(now=later) == 1
    imports.run(import_id=made.pk, now=later)

    made.refresh_from_db()
    assert made.status == ContactImport.Status.DONE
    assert made.verdicts == expected == {"created": 30, "duplicate_in_file": 15}
    assert (made.rows_done, made.created_count, made.refused_count) == (45, 30, 15)
    assert made.list is not None
    assert made.list.size == Contact.objects.count() == 30
    assert ConsentEvent.objects.count() == 60


def test_of_two_workers_on_one_import_the_second_leaves(business: Business) -> None:
    made = uploaded(business, table("Ana,600555001,yes"))
    held = imports.commit(made, by=None, now=NOW)
    stale = ContactImport.objects.select_related("list", "created_by").get(pk=held.pk)
    imports.run(import_id=made.pk, now=NOW)

    with pytest.raises(importing._TakenOver):
        importing._write(stale, NOW)

    made.refresh_from_db()
    assert made.created_count == 1


def test_a_file_that_breaks_in_the_middle_fails_with_a_sentence(business: Business) -> None:
    broken = table(
        *[f"P{n},6005550{n:02d},yes" for n in range(60)], '"never closed,' + "x" * 140_000
    )

    made = uploaded(business, broken)

    assert made.status == ContactImport.Status.FAILED
    assert "quotation mark" in made.error


def test_an_import_that_never_ends_fails_at_last(business: Business) -> None:
    made = imports.create(
        file=io.BytesIO(table("A,600555001,yes")), filename="a.csv", by=None, now=NOW
    )
    now = NOW
    for _ in range(importing.MAX_RESUMES + 1):
        now += timedelta(hours=1)
        imports.resume_stalled(now=now)

    made.refresh_from_db()
    assert made.status == ContactImport.Status.FAILED


def test_another_business_sees_nothing_of_an_import(business: Business) -> None:
    made = imported(business, table("Ana,600555001,yes"))

    with tenancy.scope(BusinessFactory.create()):
        assert imports.run(import_id=made.pk, now=NOW) == {"rows": 0}
        assert not Contact.objects.exists()
        again = uploaded(BusinessFactory.create(), table("Ana,600555001,yes"))
    assert again.verdicts == {"created": 1}


def test_memory_does_not_grow_with_the_file(business: Business) -> None:
    def peak(rows: int) -> int:
        content = table(*[f"Person {n},+3460{n:07d},yes,,,City {n}" for n in range(rows)])
        tracemalloc.start()
        made = uploaded(business, content)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert made.rows_total == rows
        return highest - len(content)

    small, large = peak(4_000), peak(12_000)

    assert large < small * 1.5 + 1_000_000


def test_the_example_file_is_what_its_generator_makes() -> None:
    assert example_contacts.PATH.read_bytes() == example_contacts.build()


def test_the_example_file_shows_every_kind_of_row(business: Business) -> None:
    made = imported(business, example_contacts.PATH.read_bytes(), filename="contacts.csv")

    assert made.rows_total == example_contacts.ROWS
    assert set(made.verdicts) >= {
        "created", "duplicate_in_file", "invalid_phone", "missing_address",
        "imported_without_consent", "consent_withdrawn", "unknown_language",
    }  # fmt: skip
    agreed = Consent.objects.filter(scope=Scope.MARKETING, status="opted_in")
    assert {int(address[-2:]) for address in agreed.values_list("address", flat=True)} == set(
        range(100)
    )
    assert Contact.objects.filter(phone_key=None).count() == 1


def test_a_discarded_import_loses_its_files_only_when_it_is_gone(
    business: Business, django_capture_on_commit_callbacks: Any
) -> None:
    made = uploaded(business, b"phone\n12\n")

    with django_capture_on_commit_callbacks() as callbacks:
        imports.discard(made)
    with imports.open_refused(made) as still_there:
        assert b"12" in still_there.read()
    for callback in callbacks:
        callback()

    with pytest.raises(imports.NotReady, match="not stored any more"):
        imports.open_refused(made)
