"""Cutting one person out of what Meta posted: their part goes, others' stays, JSON stays JSON."""

from __future__ import annotations

from typing import Any

from messaging.webhooks.pruning import ERASED, Pruner

NEEDLES = frozenset({"34622990011", "ES.8800112233445566"})


def pruned(value: Any) -> Any:
    return Pruner(NEEDLES).prune(value)


def test_the_element_that_carries_the_address_goes() -> None:
    value = {
        "messages": [
            {"from": "34622990011", "text": {"body": "hi"}},
            {"from": "34622990022", "text": {"body": "hello"}},
        ],
        "contacts": [{"wa_id": "1", "user_id": "ES.8800112233445566"}, {"wa_id": "34622990022"}],
    }

    assert pruned(value) == {
        "messages": [{"from": "34622990022", "text": {"body": "hello"}}],
        "contacts": [{"wa_id": "34622990022"}],
    }


def test_a_number_that_is_only_mentioned_is_replaced() -> None:
    told = [{"from": "34622990022", "text": {"body": "call +34622990011, not 346229900110"}}]

    assert pruned(told) == [
        {"from": "34622990022", "text": {"body": f"call {ERASED}, not 346229900110"}}
    ]


def test_the_smallest_element_goes_first() -> None:
    history = [
        {"id": "34622990022", "messages": [{"to": "+34 622 99 00 11"}, {"to": "34622990022"}]},
        {"id": "34622990011", "messages": [{"from": "1"}]},
    ]

    assert pruned(history) == [{"id": "34622990022", "messages": [{"to": "34622990022"}]}]


def test_a_part_of_a_longer_number_is_somebody_else() -> None:
    told = [{"from": "134622990011"}, {"from": 346229900112}]

    assert pruned(told) == told
