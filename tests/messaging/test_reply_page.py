"""An answer with a file from the page of a conversation: Meta is asked first, rights last."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Role
from messaging.conversations.models import Conversation
from messaging.messages.models import Message
from tests.factories.accounts import MembershipFactory, UserFactory
from tests.messaging.pump import Pump
from tests.messaging.test_api_send import PHONE, wrote_just_now
from tests.watching import Demoting, Watching, meta


def reply(pump: Pump, **given: Any) -> Any:
    user = UserFactory.create()
    MembershipFactory.create(business=pump.business, user=user, role=Role.AGENT)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    wrote_just_now(pump, pump.person(PHONE))
    url = reverse(
        "admin:messaging_conversation_reply", args=[Conversation.across_businesses.get().pk]
    )
    return client.post(url, {"key": "k", "body": "Here it is"} | given)


def sent() -> int:
    return int(Message.across_businesses.filter(direction="outbound").count())


def bill() -> SimpleUploadedFile:
    return SimpleUploadedFile("bill.pdf", b"%PDF-1.4 x")


def test_nothing_is_locked_while_meta_takes_the_file(pump: Pump, settings: Settings) -> None:
    with meta(settings):
        assert reply(pump, file=bill()).status_code == 302

    assert Watching.stood == [(0, 0)]
    assert sent() == 1


def test_words_alone_are_sent_too(pump: Pump) -> None:
    assert reply(pump).status_code == 302

    assert sent() == 1


def test_who_loses_the_right_while_the_file_is_uploaded_sends_nothing(
    pump: Pump, settings: Settings
) -> None:
    with meta(settings, Demoting):
        assert reply(pump, file=bill()).status_code == 403

    assert sent() == 0
