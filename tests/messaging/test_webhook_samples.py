"""Every body Meta may send, in any order and as often as it likes, comes to the same end."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from django.db import transaction

from accounts import tenancy
from messaging.contacts import editing
from messaging.contacts.models import Contact
from messaging.messages.models import Message
from messaging.webhooks.models import DeadLetter
from tests.messaging.webhook_events import (
    NOW,
    body,
    differences,
    final_state,
    keep,
    make_tenants,
    names,
    settle,
)

pytestmark = pytest.mark.django_db


class _Undo(Exception):
    pass


def state_after(rounds: list[list[bytes]]) -> dict[str, list[tuple[object, ...]]]:
    """Return the state after these rounds of events, and leave the database as it was."""
    state = {}
    try:
        with transaction.atomic():
            make_tenants()
            for bodies in rounds:
                keep(*bodies)
                settle()
            state = final_state()
            raise _Undo
    except _Undo:
        return state


@pytest.fixture(scope="module")
def everything() -> list[bytes]:
    return [body(name) for name in names()]


@pytest.mark.parametrize("name", names())
def test_a_repeated_event_changes_nothing(name: str) -> None:
    once = state_after([[body(name)]])

    assert differences(state_after([[body(name)], [body(name)]]), once) == {}
    assert differences(state_after([[body(name), body(name)]]), once) == {}


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_any_batches_give_the_same_end(everything: list[bytes], seed: int) -> None:
    shuffled = [*everything, *everything]
    random.Random(seed).shuffle(shuffled)
    one_by_one = [[one] for one in random.Random(seed + 100).sample(everything, len(everything))]

    expected = state_after([everything])

    assert differences(state_after([shuffled]), expected) == {}
    assert differences(state_after(one_by_one), expected) == {}


def said(name: str, second: int) -> bytes:
    """A text of the person of the samples, who calls themselves this at that second."""
    parsed = json.loads(body("msg_text"))
    value = parsed["entry"][0]["changes"][0]["value"]
    value["contacts"][0]["profile"]["name"] = name
    value["messages"][0] |= {"id": f"wamid.{second}", "timestamp": str(1793011200 + second)}
    return json.dumps(parsed).encode()


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
def test_a_person_ends_with_the_newest_name_they_gave(order: tuple[int, ...]) -> None:
    told = [said("Lucía", 1), said("Lu", 2), said("Lucía", 3), said("Alucía", 3)]
    make_tenants()
    Contact.across_businesses.all().update(name="", named_at=None)

    for place in order:
        keep(told[place])
        settle()

    assert [one.name for one in Contact.across_businesses.all()] == ["Lucía"]


def test_a_name_the_business_gave_stays() -> None:
    make_tenants()
    Contact.across_businesses.all().update(name="", named_at=None)
    keep(said("Lu", 1))
    settle()
    contact = Contact.across_businesses.get()
    with tenancy.scope(contact.business_id):
        editing.update(contact, fields={"name": "Lucía, back door"}, by=None, now=NOW)
    keep(said("Lulu", 2))
    settle()

    assert Contact.across_businesses.get().name == "Lucía, back door"


def test_only_what_belongs_to_nobody_is_put_aside(everything: list[bytes]) -> None:
    make_tenants()
    keep(*everything)
    settle()

    reasons = DeadLetter.objects.values_list("reason", "detail")
    assert sorted(set(reasons)) == [
        ("unknown_message", "No message of this number has this id."),
    ]
    assert DeadLetter.objects.count() == 1  # a message of Meta's agent, which we did not send


def test_every_message_of_the_samples_is_stored(everything: list[bytes]) -> None:
    make_tenants()
    keep(*everything)
    settle()

    types = set(
        Message.across_businesses.filter(direction="inbound").values_list("type", flat=True)
    )
    assert types >= {
        "text",
        "image",
        "video",
        "document",
        "audio",
        "sticker",
        "location",
        "contacts",
        "button",
        "interactive",
        "reaction",
        "order",
        "unsupported",
        "edit",
        "revoke",
        "media_placeholder",
    }
