"""One person stays one contact."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tenancy
from accounts.models import Business
from compliance import consent
from compliance.models import AuditEntry, Scope
from messaging.contacts import lists, people, tags
from messaging.contacts.models import Contact
from messaging.contacts.people import Person
from messaging.conversations.models import Conversation
from messaging.senders.models import Sender
from tests.factories.accounts import BusinessFactory, WhatsAppAccountFactory
from tests.factories.compliance import opt_in, opt_out
from tests.factories.contacts import BsuidContactFactory, ContactFactory

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHONE = "+5511985550001"
BSUID = "BR.13491208655302741918"


@pytest.fixture
def business(db: None) -> Iterator[Business]:
    made = BusinessFactory.create()
    with tenancy.scope(made):
        yield made


def resolve(*rows: Person) -> list[Contact]:
    ids = people.resolve_many(rows, now=NOW)
    found = Contact.objects.in_bulk(ids)
    return [found[one] for one in ids]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5511985550001", "+551185550001"),
        ("+525555000000", "+5215555000000"),
        ("+5491155500000", "+541155500000"),
    ],
)
def test_all_national_spellings_are_one_contact(business: Business, one: str, other: str) -> None:
    first = people.find_or_create(phone=one, now=NOW)
    second = people.find_or_create(wa_id=other.lstrip("+"), now=NOW)

    assert first.pk == second.pk
    assert Contact.objects.count() == 1


def test_a_person_known_by_phone_gets_the_user_id_they_show_up_with(business: Business) -> None:
    known = ContactFactory.create(business=business, phone=PHONE)

    [found] = resolve(Person(wa_id="551185550001", bsuid=BSUID, name="Ana", username="ana"))

    assert (found.pk, found.bsuid, found.phone) == (known.pk, BSUID, PHONE)
    assert (found.name, found.username, found.wa_id) == (known.name, "ana", "551185550001")


def test_two_half_known_contacts_become_the_older_one(business: Business) -> None:
    by_phone = ContactFactory.create(business=business, phone=PHONE, name="")
    by_bsuid = BsuidContactFactory.create(business=business, bsuid=BSUID, name="Ana")
    both = lists.create(name="Both")
    lists.add(both, contacts=[by_phone.pk, by_bsuid.pk])
    tags.add(contacts=[by_bsuid.pk], names=["VIP"])
    conversation = _conversation(business, by_bsuid)

    [found] = resolve(Person(phone=PHONE, bsuid=BSUID))

    assert (found.pk, found.name, found.bsuid) == (by_phone.pk, "Ana", BSUID)
    assert Contact.objects.count() == 1
    both.refresh_from_db()
    assert both.size == both.entries.count() == 1
    conversation.refresh_from_db()
    assert conversation.contact_id == found.pk
    assert [entry.tag.name for entry in found.tag_entries.all()] == ["vip"]
    assert AuditEntry.objects.filter(action="contact.merged").count() == 1


def test_two_conversations_with_one_sender_are_folded_into_one(business: Business) -> None:
    by_phone = ContactFactory.create(business=business, phone=PHONE)
    by_bsuid = BsuidContactFactory.create(business=business, bsuid=BSUID)
    kept = _conversation(business, by_phone, unread=1, last_inbound_at=NOW - timedelta(days=2))
    _conversation(business, by_bsuid, kept.sender, unread=2, last_inbound_at=NOW)

    resolve(Person(phone=PHONE, bsuid=BSUID))

    [left] = Conversation.objects.all()
    assert (left.pk, left.unread, left.last_inbound_at) == (kept.pk, 3, NOW)


def test_the_user_id_decides_when_two_complete_contacts_meet(business: Business) -> None:
    holder = ContactFactory.create(business=business, phone=PHONE, bsuid="BR.111")
    writer = ContactFactory.create(business=business, phone="+5511985550002", bsuid=BSUID)

    [found] = resolve(Person(phone=PHONE, bsuid=BSUID))

    holder.refresh_from_db()
    assert (found.pk, found.phone) == (writer.pk, PHONE)
    assert (holder.phone, holder.phone_key, holder.bsuid) == ("", None, "BR.111")


def test_who_loses_their_number_to_another_keeps_what_they_refused_under_it(
    business: Business,
) -> None:
    holder = people.find_or_create(phone=PHONE, now=NOW)
    opt_out(business, PHONE, at=NOW - timedelta(days=9))
    people.find_or_create(phone=PHONE, bsuid="BR.111", now=NOW)
    opt_in(business, "BR.111", at=NOW - timedelta(days=20))
    people.find_or_create(phone="+5511985550002", bsuid=BSUID, now=NOW)

    resolve(Person(phone=PHONE, bsuid=BSUID))

    holder.refresh_from_db()
    assert holder.address_keys == ["BR.111"]
    assert consent.check(addresses=["BR.111"], scope=Scope.MARKETING) == consent.Refused(
        "opted_out"
    )


def test_a_number_that_falls_away_in_a_merge_leaves_its_opt_out(business: Business) -> None:
    people.find_or_create(phone=PHONE, now=NOW)
    people.find_or_create(phone="+5511985550002", now=NOW)
    opt_out(business, "+5511985550002", at=NOW - timedelta(days=9))
    people.find_or_create(phone="+5511985550002", bsuid=BSUID, now=NOW)
    opt_in(business, PHONE, BSUID, at=NOW - timedelta(days=20))

    [kept] = resolve(Person(phone=PHONE, bsuid=BSUID))

    assert Contact.objects.get().address_keys == kept.address_keys == [PHONE, BSUID]
    decision = consent.check(addresses=kept.address_keys, scope=Scope.MARKETING)
    assert decision == consent.Refused("opted_out")


def test_a_batch_makes_each_person_once_in_order(business: Business) -> None:
    rows = [
        Person(phone=PHONE),
        Person(bsuid=BSUID),
        Person(phone=PHONE, bsuid=BSUID),
        Person(phone="+34600555001", name="Eva"),
        Person(wa_id="34600555001"),
    ]

    found = resolve(*rows)

    assert len({contact.pk for contact in found[:3]}) == 1
    assert found[3].pk == found[4].pk
    assert Contact.objects.count() == 2


def test_known_people_cost_one_query(business: Business, django_assert_num_queries: object) -> None:
    rows = [Person(phone=f"+34600555{n:03d}", bsuid=f"ES.{n}", name="A") for n in range(50)]
    people.resolve_many(rows, now=NOW)

    with django_assert_num_queries(3):  # type: ignore[operator]  # with its savepoint
        people.resolve_many(rows, now=NOW)


def test_a_person_without_address_is_refused(business: Business) -> None:
    with pytest.raises(people.MissingAddress):
        people.resolve_many([Person(name="Nobody")], now=NOW)


def test_a_change_of_number_keeps_the_opt_out(business: Business) -> None:
    contact = people.find_or_create(phone="+34600555001", bsuid="ES.1", now=NOW)
    opt_out(business, "+34600555001", scope="marketing", at=NOW - timedelta(days=9))

    moved = people.change_number(
        old="34600555001", new="34600555002", bsuid="ES.2", previous_bsuid="ES.1", now=NOW
    )

    assert (moved.pk, moved.phone, moved.bsuid) == (contact.pk, "+34600555002", "ES.2")
    decision = consent.check(addresses=moved.address_keys, scope=Scope.MARKETING)
    assert decision == consent.Refused("opted_out")


def test_a_new_user_id_keeps_the_contact(business: Business) -> None:
    contact = BsuidContactFactory.create(business=business, bsuid="ES.1")
    opt_out(business, "ES.1")

    moved = people.change_bsuid(previous="ES.1", bsuid="ES.2", now=NOW)

    assert (moved.pk, moved.bsuid) == (contact.pk, "ES.2")
    assert isinstance(consent.check(addresses=["ES.2"], scope=Scope.UTILITY), consent.Refused)


def test_many_new_user_ids_take_no_more_statements_than_few(business: Business) -> None:
    def statements(count: int, prefix: str) -> int:
        phones = [f"+3460{prefix}{n:06d}" for n in range(count)]
        for n, phone in enumerate(phones):
            ContactFactory.create(business=business, phone=phone, bsuid=f"ES.{prefix}{n}")
            opt_in(business, phone, at=NOW)
            opt_out(business, f"ES.{prefix}{n}", at=NOW)
        with CaptureQueriesContext(connection) as caught:
            resolve(*[Person(phone=one, bsuid=f"ES.9{prefix}{n}") for n, one in enumerate(phones)])
        for n in range(count):
            address = [f"ES.9{prefix}{n}"]
            decision = consent.check(addresses=address, scope=Scope.MARKETING)
            assert decision == consent.Refused("opted_out")
        return len(caught)

    assert statements(2, "1") == statements(20, "2")


def test_a_person_who_changes_twice_at_once_keeps_their_opt_out(business: Business) -> None:
    known = ContactFactory.create(business=business, phone=PHONE, bsuid="BR.1")
    opt_out(business, "BR.1", at=NOW)

    moved = resolve(Person(phone=PHONE, bsuid="BR.2"), Person(phone=PHONE, bsuid="BR.3"))

    assert [one.pk for one in moved] == [known.pk] * 2
    for address in (*known.address_keys, "BR.2", "BR.3"):
        decision = consent.check(addresses=[address], scope=Scope.MARKETING)
        assert decision == consent.Refused("opted_out")


def test_a_changed_number_that_is_known_already_merges(business: Business) -> None:
    old = ContactFactory.create(business=business, phone="+34600555001")
    ContactFactory.create(business=business, phone="+34600555002")

    moved = people.change_number(old="34600555001", new="34600555002", now=NOW)

    assert moved.pk == old.pk
    assert [c.phone for c in Contact.objects.all()] == ["+34600555002"]


def test_the_same_number_in_two_businesses_is_two_contacts(db: None) -> None:
    one, two = BusinessFactory.create(), BusinessFactory.create()
    with tenancy.scope(one):
        first = people.find_or_create(phone=PHONE, now=NOW)
    with tenancy.scope(two):
        assert people.find(PHONE) is None
        second = people.find_or_create(phone=PHONE, now=NOW)

    assert first.pk != second.pk


@pytest.mark.django_db(transaction=True)
def test_workers_that_meet_the_same_people_at_once_make_and_merge_them_once() -> None:
    business = BusinessFactory.create()
    with tenancy.scope(business):
        for n in range(0, 40, 2):
            ContactFactory.create(business=business, phone=f"+34600555{n:03d}")
            BsuidContactFactory.create(business=business, bsuid=f"ES.{n}")
    rows = [Person(phone=f"+34600555{n:03d}", bsuid=f"ES.{n}") for n in range(40)]
    start = threading.Barrier(3)
    results: list[list[object]] = []
    failures: list[Exception] = []

    def work(order: int) -> None:
        try:
            with tenancy.scope(business):
                start.wait(10)
                ids = people.resolve_many(rows[::order], now=NOW)
                results.append(list(ids[::order]))
        except Exception as error:  # told to the test below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (1, -1, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert results[0] == results[1] == results[2]
    with tenancy.scope(business):
        assert Contact.objects.count() == 40


def _conversation(
    business: Business, contact: Contact, sender: Sender | None = None, **fields: object
) -> Conversation:
    if sender is None:
        account = WhatsAppAccountFactory.create(business=business)
        sender = Sender.objects.create(
            business=business, account=account, phone_number_id=str(contact.pk.int)[:15], phone="+1"
        )
    made: Conversation = Conversation.objects.create(
        business=business, sender=sender, contact=contact, **fields
    )
    return made
