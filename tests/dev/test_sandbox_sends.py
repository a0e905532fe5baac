"""What the sandbox accepts and what it refuses, as Meta does."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from config.dev.sandbox.addresses import user_id_for
from config.dev.sandbox.errors import MetaError
from config.dev.sandbox.sending import receive
from tests.dev.conftest import SENDER, WABA, Graph, Json, Receiver

TO = "+34611000101"


def text_parameters(*values: str, **named: str) -> list[Json]:
    """Return parameters of type text."""
    plain: list[Json] = [{"type": "text", "text": value} for value in values]
    return plain + [
        {"type": "text", "parameter_name": name, "text": value} for name, value in named.items()
    ]


def template(name: str, language: str = "en_US", **components: Any) -> Json:
    """Return a template send: `header` and `body` are parameters, `buttons` components."""
    parts = [
        {"type": kind, "parameters": components[kind]}
        for kind in ("header", "body")
        if kind in components
    ]
    parts += [{"type": "button", **button} for button in components.get("buttons", [])]
    return {
        "type": "template",
        "template": {"name": name, "language": {"code": language}, "components": parts},
    }


def link(suffix: str = "x", index: int | str = "0") -> Json:
    """Return the component of a URL button."""
    return {"sub_type": "url", "index": index, "parameters": text_parameters(suffix)}


def reply_buttons(count: int, title: str = "Yes") -> Json:
    """Return an interactive message with reply buttons."""
    buttons = [
        {"type": "reply", "reply": {"id": str(n), "title": f"{title} {n}"}} for n in range(count)
    ]
    interactive = {"type": "button", "body": {"text": "Well?"}, "action": {"buttons": buttons}}
    return {"type": "interactive", "interactive": interactive}


def rows(count: int) -> Json:
    """Return an interactive list."""
    lines = [{"id": str(n), "title": f"Row {n}"} for n in range(count)]
    action = {"button": "Choose", "sections": [{"rows": lines}]}
    interactive = {"type": "list", "body": {"text": "Well?"}, "action": action}
    return {"type": "interactive", "interactive": interactive}


NAMED = {"first_name": "Ana", "order_number": "A-1", "delivery_date": "12 May"}
PICTURE = [{"type": "image", "image": {"link": "https://shop.example/a.jpg"}}]
OFFER: dict[str, Any] = {"body": text_parameters("Ana", "CODE"), "buttons": [link()]}

ACCEPTED: dict[str, Json] = {
    "text": {"type": "text", "text": {"body": "Hi", "preview_url": True}},
    "text without a type": {"text": {"body": "Hi"}},
    "image by link": {"type": "image", "image": {"link": "https://x.example/a.jpg"}},
    "video": {"type": "video", "video": {"link": "https://x.example/a.mp4", "caption": "See"}},
    "audio": {"type": "audio", "audio": {"link": "https://x.example/a.ogg", "voice": True}},
    "document": {"type": "document", "document": {"link": "https://x.example/a", "filename": "a"}},
    "sticker": {"type": "sticker", "sticker": {"link": "https://x.example/a.webp"}},
    "location": {"type": "location", "location": {"latitude": "40.4", "longitude": -3.7}},
    "contacts": {
        "type": "contacts",
        "contacts": [{"name": {"formatted_name": "Ana R", "first_name": "Ana"}}],
    },
    "reaction": {"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": ""}},
    "reply buttons": reply_buttons(3),
    "list": rows(10),
    "link button": {
        "type": "interactive",
        "interactive": {
            "type": "cta_url",
            "body": {"text": "Look"},
            "action": {
                "name": "cta_url",
                "parameters": {"display_text": "Open", "url": "https://x.example"},
            },
        },
    },
    "positional template": template("spring_offer", **OFFER),
    "index as a number": template(
        "spring_offer", body=text_parameters("A", "B"), buttons=[link(index=0)]
    ),
    "named template": template(
        "order_shipped",
        header=text_parameters(order_number="A-1"),
        body=text_parameters(**NAMED),
        buttons=[link()],
    ),
    "picture template": template(
        "new_arrivals", header=PICTURE, body=text_parameters(first_name="Ana")
    ),
    "quick reply payload": template(
        "appointment_reminder",
        "es_ES",
        body=text_parameters("Ana", "lunes", "10:30"),
        buttons=[
            {
                "sub_type": "quick_reply",
                "index": 2,
                "parameters": [{"type": "payload", "payload": "CANCEL"}],
            }
        ],
    ),
    "login code": template("login_code", body=text_parameters("123456"), buttons=[link("123456")]),
    "callback of 512": {"text": {"body": "Hi"}, "biz_opaque_callback_data": "x" * 512},
}

REFUSED: dict[str, tuple[int, Json]] = {
    "empty text": (131008, {"text": {"body": ""}}),
    "long text": (100, {"text": {"body": "x" * 4097}}),
    "unknown type": (131009, {"type": "fax", "fax": {}}),
    "content missing": (131008, {"type": "image"}),
    "id and link": (131009, {"type": "image", "image": {"id": "1", "link": "https://x"}}),
    "unknown upload": (131009, {"type": "image", "image": {"id": "1"}}),
    "link without http": (131009, {"type": "image", "image": {"link": "ftp://x"}}),
    "caption on audio": (131009, {"type": "audio", "audio": {"link": "https://x", "caption": "a"}}),
    "location without longitude": (131008, {"type": "location", "location": {"latitude": 1}}),
    "latitude out of range": (
        131009,
        {"type": "location", "location": {"latitude": 91, "longitude": 1}},
    ),
    "contact without a name": (131008, {"type": "contacts", "contacts": [{"phones": []}]}),
    "reaction without a target": (131008, {"type": "reaction", "reaction": {"emoji": "x"}}),
    "four reply buttons": (131009, reply_buttons(4)),
    "long button title": (131009, reply_buttons(1, title="x" * 21)),
    "eleven rows": (131009, rows(11)),
    "long callback": (131009, {"text": {"body": "Hi"}, "biz_opaque_callback_data": "x" * 513}),
    "too few parameters": (
        132000,
        template("spring_offer", body=text_parameters("Ana"), buttons=[link()]),
    ),
    "too many parameters": (132000, template("welcome", body=text_parameters("Ana"))),
    "wrong kind of parameter": (
        132012,
        template("spring_offer", body=[*text_parameters("A"), *PICTURE], buttons=[link()]),
    ),
    "newline in a parameter": (
        132018,
        template("spring_offer", body=text_parameters("A", "a\nb"), buttons=[link()]),
    ),
    "name missing": (
        132012,
        template(
            "order_shipped",
            header=text_parameters(order_number="1"),
            body=text_parameters("a", "b", "c"),
            buttons=[link()],
        ),
    ),
    "name not in the template": (
        132018,
        template(
            "order_shipped",
            header=text_parameters(order_number="1"),
            body=text_parameters(first_name="a", order_number="b", other="c"),
            buttons=[link()],
        ),
    ),
    "picture missing": (132012, template("new_arrivals", body=text_parameters(first_name="Ana"))),
    "header the template lacks": (132018, template("welcome", header=text_parameters("a"))),
    "button missing": (131008, template("spring_offer", body=text_parameters("A", "B"))),
    "button of another kind": (
        132018,
        template(
            "spring_offer",
            body=text_parameters("A", "B"),
            buttons=[
                {
                    "sub_type": "quick_reply",
                    "index": 0,
                    "parameters": [{"type": "payload", "payload": "x"}],
                }
            ],
        ),
    ),
    "button that is not there": (132018, template("welcome", buttons=[link()])),
    "body too long": (
        132005,
        template("spring_offer", body=text_parameters("x" * 1000, "y"), buttons=[link()]),
    ),
    "unknown template": (132001, template("nothing")),
    "language not there": (132001, template("welcome", "fr")),
    "paused": (132015, template("winter_sale", body=text_parameters("Ana"))),
    "rejected": (132001, template("prize_draw", body=text_parameters("a"))),
    "pending": (132001, template("loyalty_points", body=text_parameters("a", "b"))),
    "template of another account": (
        132001,
        template("tasting_menu", "en_GB", body=text_parameters("a")),
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
async def test_what_meta_accepts_is_accepted(graph: Graph, case: str) -> None:
    status, answer = await graph.send(to=TO, **ACCEPTED[case])

    assert status == 200, answer
    assert answer["contacts"] == [{"input": TO, "wa_id": TO[1:]}]
    assert answer["messages"][0]["id"].startswith("wamid.")


@pytest.mark.parametrize("case", REFUSED)
async def test_what_meta_refuses_is_refused_with_its_code(graph: Graph, case: str) -> None:
    code, fields = REFUSED[case]

    status, answer = await graph.send(to=TO, **fields)

    assert (status, answer["error"]["code"]) == (404 if code == 132001 else 400, code)
    assert answer["error"].keys() >= {"message", "type", "fbtrace_id"}
    assert (await graph.control("GET", "messages?count=1")) == {"count": 0}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside."""
    if path:
        yield path
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in inside:
            yield from places(child, (*path, key))


@pytest.mark.parametrize("odd", [None, 5, True, "x", [], {}, [1], {"a": 1}])
async def test_odd_values_anywhere_are_taken_or_refused(graph: Graph, odd: Any) -> None:
    phone = graph.sandbox.world.phones[SENDER]
    answered = 0
    for fields in ACCEPTED.values():
        whole = {"messaging_product": "whatsapp", "to": TO, **fields}
        for *way, last in places(whole):
            payload = copy.deepcopy(whole)
            target: Any = payload
            for key in way:
                target = target[key]
            target[last] = odd
            with contextlib.suppress(MetaError):
                receive(graph.sandbox, phone, payload, orjson.dumps(payload))
            answered += 1

    chat = await graph.control("GET", f"chat?key={TO[1:]}&items=5000")
    assert answered > 250
    assert chat["items"]


async def test_a_token_is_needed_and_can_be_declared_invalid(graph: Graph) -> None:
    await graph.control("POST", "faults", {"invalid_tokens": ["stolen"]})

    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer stolen"}):
        status, answer = await graph.call("GET", SENDER, headers=headers)
        assert (status, answer["error"]["code"]) == (401, 190)


async def test_an_unknown_number_is_refused_as_meta_does(graph: Graph) -> None:
    body = {"messaging_product": "whatsapp", "to": TO, "text": {"body": "Hi"}}
    status, answer = await graph.call("POST", "599/messages", json=body)

    error = answer["error"]
    assert (status, error["code"], error["error_subcode"]) == (400, 100, 33)


async def test_a_body_that_is_not_json_is_refused(graph: Graph) -> None:
    status, answer = await graph.call("POST", f"{SENDER}/messages", data=b"{")

    assert (status, answer["error"]["code"]) == (400, 100)


async def test_a_message_needs_somebody_else_to_go_to(graph: Graph) -> None:
    _, nobody = await graph.send(text={"body": "Hi"})
    _, sender = await graph.send(to="+34911000100", text={"body": "Hi"})

    assert (nobody["error"]["code"], sender["error"]["code"]) == (100, 131021)


async def test_a_user_id_is_answered_with_a_user_id(graph: Graph, receiver: Receiver) -> None:
    user_id = user_id_for("34611000101", "734567890000033")
    spec = template("welcome")

    _, answer = await graph.send(recipient=user_id, **spec)
    await graph.settle()

    assert answer["contacts"] == [{"input": user_id, "user_id": user_id}]
    statuses = receiver.statuses()
    assert {s["recipient_user_id"] for s in statuses} == {user_id}
    assert all("recipient_id" not in s for s in statuses)


async def test_a_number_wins_over_a_user_id(graph: Graph) -> None:
    _, answer = await graph.send(to=TO, recipient="ES.1234", **template("welcome"))

    assert answer["contacts"][0]["wa_id"] == TO[1:]


async def test_login_codes_do_not_go_to_user_ids(graph: Graph) -> None:
    spec = template("login_code", body=text_parameters("1"), buttons=[link("1")])

    _, answer = await graph.send(recipient="ES.1234500", **spec)

    assert answer["error"]["code"] == 131062


async def test_read_receipts_are_taken(graph: Graph) -> None:
    good = {"status": "read", "message_id": "wamid.X", "typing_indicator": {"type": "text"}}

    assert await graph.send(**good) == (200, {"success": True})
    assert (await graph.send(status="read"))[1]["error"]["code"] == 131008


async def test_free_text_outside_the_window_fails_later(graph: Graph, receiver: Receiver) -> None:
    await graph.send(to=TO, text={"body": "Hi"})
    await graph.settle()
    assert receiver.statuses()[-1]["errors"][0]["code"] == 131047

    await graph.control("POST", "inbound", {"from": TO, "text": "Hello"})
    await graph.send(to=TO, text={"body": "Hi"})
    await graph.settle()

    assert receiver.statuses()[-1]["status"] == "read"


async def test_messages_of_another_account_go_by_its_templates(graph: Graph) -> None:
    spec = template("tasting_menu", "en_GB", body=text_parameters("Ana"))
    body = {"messaging_product": "whatsapp", "to": TO, **spec}

    status, _ = await graph.call("POST", "512345678900013/messages", json=body)

    assert status == 200
    assert graph.sandbox.world.wabas[WABA].templates.get(("tasting_menu", "en_GB")) is None
