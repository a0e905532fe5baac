"""Threads and the service window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts import tenancy
from messaging.conversations import threads, window
from messaging.conversations.models import Conversation
from tests.factories.messaging import ContactFactory, ConversationFactory, SenderFactory

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), True),
        (timedelta(hours=23, minutes=54), True),
        (timedelta(hours=23, minutes=55), False),
        (timedelta(hours=25), False),
    ],
)
def test_the_window_closes_safely_before_metas(age: timedelta, expected: bool) -> None:
    assert window.is_open(NOW - age, NOW) is expected


def test_who_never_wrote_has_no_window() -> None:
    assert not window.is_open(None, NOW)
    assert window.closes_at(None) is None


@pytest.mark.parametrize("type_", ["reaction", "edit", "revoke", "system", "unsupported"])
def test_what_is_no_message_does_not_open_it(type_: str) -> None:
    assert not window.opens(type_)
    assert window.opens("text")


@pytest.mark.django_db
def test_messages_in_any_order_leave_the_newest_time() -> None:
    sender = SenderFactory.create()
    contact = ContactFactory.create(business=sender.business)

    def note(at: datetime, **what: bool) -> None:
        threads.note([threads.Note(sender.pk, contact.pk, at, **what)])

    with tenancy.scope(sender.business):
        note(NOW, opens_window=True, is_unread=True)
        note(NOW - timedelta(hours=1), opens_window=True, is_unread=True)
        note(NOW + timedelta(hours=1))
        thread = Conversation.objects.get()

    assert thread.last_inbound_at == NOW
    assert thread.last_message_at == NOW + timedelta(hours=1)
    assert thread.unread == 2


@pytest.mark.django_db
def test_a_new_message_opens_a_closed_thread_and_reading_clears_it() -> None:
    thread = ConversationFactory.create(status="closed")

    with tenancy.scope(thread.business):
        threads.note([threads.Note(thread.sender_id, thread.contact_id, NOW, is_unread=True)])
        thread.refresh_from_db()
        assert (thread.status, thread.unread) == ("open", 1)
        threads.mark_read(thread)
        assert list(threads.list_newest_first()) == [thread]
        assert threads.list_newest_first()[0].unread == 0
