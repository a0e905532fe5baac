"""The documented rule: what becomes of a message, by the last two digits."""

import pytest

from config.dev.sandbox.addresses import user_id_for, wa_id_for
from config.dev.sandbox.errors import MetaError
from config.dev.sandbox.rule import STOP_TEXT, outcome_for
from tests.dev.conftest import Graph, Receiver

SENDER_DIGITS = "34911000100"


@pytest.mark.parametrize(
    ("digits", "final", "code"),
    [
        ("00", "read", None),
        ("79", "read", None),
        ("80", "delivered", None),
        ("89", "delivered", None),
        ("90", "failed", 131026),
        ("91", "failed", 131026),
        ("92", "failed", 131049),
        ("93", "failed", 131050),
        ("94", "failed", 130472),
        ("95", "delivered", None),
        ("96", "read", None),
        ("97", "read", None),
        ("98", "read", None),
        ("99", "read", None),
    ],
)
def test_the_last_two_digits_decide_where_a_message_ends(
    digits: str, final: str, code: int | None
) -> None:
    outcome = outcome_for(f"+346110001{digits}")

    assert (outcome.final, outcome.error_code) == (final, code)


def test_marketing_failures_do_not_strike_other_categories() -> None:
    assert [outcome_for(f"346110001{d}", category="utility").final for d in (92, 93, 94)] == [
        "read"
    ] * 3


def test_any_spelling_and_the_user_id_of_a_number_have_one_outcome() -> None:
    spellings = ["+34 611 000 198", "+34-611-000-1-98", user_id_for("34611000198", "p1")]

    assert {outcome_for(spelling).reply for spelling in spellings} == {STOP_TEXT}


@pytest.mark.parametrize(
    ("to", "wa_id"),
    [
        ("+34 611-000 (101)", "34611000101"),
        ("34611000101", "34611000101"),
        ("(631) 555-1234", "346315551234"),
        ("+5511987654321", "5511987654321"),
        ("+551187654321", "5511987654321"),
        ("+5531987654321", "553187654321"),
        ("+553187654321", "553187654321"),
        ("+551132654321", "551132654321"),
        ("+525512345678", "5215512345678"),
        ("+5215512345678", "5215512345678"),
        ("+5491123456789", "5491123456789"),
        ("+541123456789", "5491123456789"),
        ("+54111523456789", "5491123456789"),
    ],
)
def test_numbers_are_rewritten_as_whatsapp_writes_them(to: str, wa_id: str) -> None:
    assert wa_id_for(to, sender_digits=SENDER_DIGITS) == wa_id


@pytest.mark.parametrize("to", ["", "+12", "+34abc000111", "+1234567890123456"])
def test_what_cannot_be_a_number_is_refused(to: str) -> None:
    with pytest.raises(MetaError) as refusal:
        wa_id_for(to, sender_digits=SENDER_DIGITS)

    assert refusal.value.code == 131009


async def test_statuses_follow_the_rule(graph: Graph, receiver: Receiver) -> None:
    ends = {"00": "read", "85": "delivered", "90": "failed", "95": "delivered", "98": "read"}
    for digits in ends:
        await graph.welcome(f"+346110002{digits}", biz_opaque_callback_data=digits)

    await graph.settle()

    seen: dict[str, list[str]] = {digits: [] for digits in ends}
    for status in receiver.statuses():
        seen[status["biz_opaque_callback_data"]].append(status["status"])
    assert {digits: names[-1] for digits, names in seen.items()} == ends
    assert seen["00"] == ["sent", "delivered", "read"]
    assert [m["text"]["body"] for m in receiver.messages()] == [STOP_TEXT]


async def test_a_marketing_failure_carries_its_code(graph: Graph, receiver: Receiver) -> None:
    template = {
        "name": "tasting_menu",
        "language": {"code": "en_GB"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}],
    }
    body = {
        "messaging_product": "whatsapp",
        "to": "+34611000193",
        "type": "template",
        "template": template,
    }
    await graph.call("POST", "512345678900013/messages", json=body)

    await graph.settle()

    (status,) = receiver.statuses()
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131050)
    assert "pricing" not in status


async def test_first_tries_are_refused_where_the_rule_says_so(graph: Graph) -> None:
    codes = []
    for digits in ("96", "96", "97", "97", "97"):
        status, answer = await graph.welcome(f"+346110003{digits}")
        codes.append((status, answer.get("error", {}).get("code")))

    assert codes == [(429, 131056), (200, None), (500, 131000), (500, 131000), (200, None)]


async def test_a_held_template_says_so(graph: Graph) -> None:
    _, answer = await graph.welcome("+34611000195")

    assert answer["messages"][0]["message_status"] == "held_for_quality_assessment"


async def test_a_person_does_not_answer_an_answer(graph: Graph, receiver: Receiver) -> None:
    await graph.control("POST", "inbound", {"from": "+34611000198", "text": "Hi"})

    await graph.send(to="+34611000198", text={"body": "You are unsubscribed."})
    await graph.settle()

    assert [m["text"]["body"] for m in receiver.messages()] == ["Hi"]
