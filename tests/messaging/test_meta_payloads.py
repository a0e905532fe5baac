"""The body of an outgoing message, and Meta's limits on what is in it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.meta import payloads
from messaging.meta.content import check_content
from messaging.meta.payloads import Outgoing

PHONE = "+34622000701"


def rules(kind: str, content: Any) -> set[tuple[str, str]]:
    return {(finding.path, finding.rule) for finding in check_content(kind, content)}


def test_a_text_to_a_phone_is_metas_envelope() -> None:
    message = Outgoing("text", {"body": "Hola"}, phone=PHONE, callback_data="our-id")

    assert orjson.loads(payloads.encode(message)) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PHONE,
        "type": "text",
        "text": {"body": "Hola"},
        "biz_opaque_callback_data": "our-id",
    }


def test_without_a_phone_the_user_id_is_the_recipient() -> None:
    body = payloads.envelope(Outgoing("text", {"body": "Hola"}, bsuid="ES.88"))

    assert body["recipient"] == "ES.88"
    assert "to" not in body


def test_a_phone_wins_over_a_user_id() -> None:
    body = payloads.envelope(Outgoing("text", {"body": "Hola"}, phone=PHONE, bsuid="ES.88"))

    assert body["to"] == PHONE
    assert "recipient" not in body


def test_a_group_is_addressed_as_one() -> None:
    body = payloads.envelope(Outgoing("text", {"body": "Hola"}, group_id="abc"))

    assert (body["recipient_type"], body["to"]) == ("group", "abc")


def test_a_message_to_nobody_is_a_fault() -> None:
    with pytest.raises(ValueError, match="needs a phone"):
        payloads.encode(Outgoing("text", {"body": "Hola"}))


def test_a_reply_names_its_message_but_a_reaction_never_does() -> None:
    reply = Outgoing("text", {"body": "Hola"}, phone=PHONE, reply_to_wamid="wamid.1")
    reaction = Outgoing(
        "reaction", {"message_id": "wamid.1", "emoji": "👍"}, phone=PHONE, reply_to_wamid="wamid.1"
    )

    assert payloads.envelope(reply)["context"] == {"message_id": "wamid.1"}
    assert "context" not in payloads.envelope(reaction)


def test_content_may_be_serialised_beforehand() -> None:
    content = orjson.Fragment(b'{"name":"x","language":{"code":"es"}}')

    body = orjson.loads(payloads.encode(Outgoing("template", content, phone=PHONE)))

    assert body["template"] == {"name": "x", "language": {"code": "es"}}


BUTTON = {"type": "reply", "reply": {"id": "a", "title": "Sí"}}
ROW = {"id": "r1", "title": "Mañana"}
GOOD: list[tuple[str, Any]] = [
    ("text", {"body": "x" * 4096, "preview_url": True}),
    ("image", {"id": "1", "caption": "x" * 1024}),
    ("video", {"link": "https://e.example/v.mp4"}),
    ("audio", {"id": "1", "voice": True}),
    ("document", {"id": "1", "caption": "c", "filename": "f.pdf"}),
    ("sticker", {"id": "1"}),
    ("location", {"latitude": "39.46", "longitude": -0.37, "name": "Aquí"}),
    ("contacts", [{"name": {"formatted_name": "Pau R", "first_name": "Pau"}}]),
    ("reaction", {"message_id": "wamid.1", "emoji": ""}),
    ("template", {"name": "x", "language": {"code": "es_MX"}, "components": []}),
    (
        "interactive",
        {"type": "button", "body": {"text": "?"}, "action": {"buttons": [BUTTON]}},
    ),
    (
        "interactive",
        {
            "type": "list",
            "header": {"type": "text", "text": "H"},
            "body": {"text": "x" * 4096},
            "footer": {"text": "F"},
            "action": {"button": "Ver", "sections": [{"rows": [ROW]}]},
        },
    ),
    (
        "interactive",
        {
            "type": "cta_url",
            "body": {"text": "b"},
            "action": {
                "name": "cta_url",
                "parameters": {"display_text": "Ver", "url": "https://e.example"},
            },
        },
    ),
    (
        "interactive",
        {
            "type": "location_request_message",
            "body": {"text": "b"},
            "action": {"name": "send_location"},
        },
    ),
    (
        "interactive",
        {
            "type": "flow",
            "body": {"text": "b"},
            "action": {"name": "flow", "parameters": {"flow_id": "1", "flow_cta": "Abrir"}},
        },
    ),
    (
        "interactive",
        {"type": "product", "action": {"catalog_id": "1", "product_retailer_id": "s"}},
    ),
    (
        "interactive",
        {
            "type": "product_list",
            "header": {"type": "text", "text": "H"},
            "body": {"text": "b"},
            "action": {
                "catalog_id": "1",
                "sections": [{"product_items": [{"product_retailer_id": "s"}]}],
            },
        },
    ),
    (
        "interactive",
        {"type": "catalog_message", "body": {"text": "b"}, "action": {"name": "catalog_message"}},
    ),
    (
        "interactive",
        {
            "type": "carousel",
            "body": {"text": "b"},
            "action": {
                "cards": [
                    {
                        "card_index": index,
                        "body": {"text": "c"},
                        "action": {
                            "name": "cta_url",
                            "parameters": {"display_text": "Ver", "url": "https://e.example"},
                        },
                    }
                    for index in range(2)
                ]
            },
        },
    ),
    ("interactive", {"type": "order_details", "body": {"text": "b"}, "action": {}}),
]


@pytest.mark.parametrize(("kind", "content"), GOOD)
def test_content_within_metas_limits_has_no_finding(kind: str, content: Any) -> None:
    assert check_content(kind, content) == []


def interactive(kind: str, action: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "body": {"text": "b"}, "action": action, **more}


BAD: list[tuple[str, Any, str, str]] = [
    ("fax", {}, "type", "unknown_type"),
    ("text", None, "text", "required"),
    ("text", [], "text", "type"),
    ("text", {}, "text.body", "required"),
    ("text", {"body": "   "}, "text.body", "required"),
    ("text", {"body": 7}, "text.body", "type"),
    ("text", {"body": "x" * 4097}, "text.body", "too_long"),
    ("text", {"body": "x", "preview_url": "yes"}, "text.preview_url", "type"),
    ("image", {}, "image", "id_or_link"),
    ("image", {"id": "1", "link": "https://e.example"}, "image", "id_or_link"),
    ("image", {"link": "ftp://e.example"}, "image.link", "url"),
    ("image", {"id": "1", "caption": "x" * 1025}, "image.caption", "too_long"),
    ("audio", {"id": "1", "caption": "c"}, "audio.caption", "not_allowed"),
    ("location", {"latitude": 91, "longitude": 0}, "location.latitude", "range"),
    ("location", {"latitude": "nan", "longitude": 0}, "location.latitude", "range"),
    ("location", {"latitude": "x", "longitude": 0}, "location.latitude", "type"),
    ("location", {"latitude": 1}, "location.longitude", "required"),
    ("contacts", {}, "contacts", "type"),
    ("contacts", [], "contacts", "count"),
    ("contacts", [{}], "contacts.0.name", "required"),
    ("contacts", [{"name": {"formatted_name": "Pau"}}], "contacts.0.name", "name_part"),
    ("reaction", {"message_id": "w"}, "reaction.emoji", "required"),
    ("template", {"name": "x", "language": "es"}, "template.language", "type"),
    ("template", {"name": "x", "language": {"code": "ES"}}, "template.language.code", "language"),
    ("interactive", {}, "interactive.type", "unknown_type"),
    ("interactive", {"type": ["x"]}, "interactive.type", "unknown_type"),
    ("interactive", {"type": "button"}, "interactive.action", "required"),
    (
        "interactive",
        interactive("button", {"buttons": [BUTTON, BUTTON]}),
        "interactive.action.buttons",
        "unique",
    ),
    (
        "interactive",
        interactive("button", {"buttons": [BUTTON] * 4}),
        "interactive.action.buttons",
        "count",
    ),
    (
        "interactive",
        interactive("button", {"buttons": [{"reply": {"id": "a", "title": "x" * 21}}]}),
        "interactive.action.buttons.0.reply.title",
        "too_long",
    ),
    (
        "interactive",
        interactive("list", {"button": "Ver", "sections": [{"rows": [ROW] * 11}]}),
        "interactive.action.sections.0.rows",
        "count",
    ),
    (
        "interactive",
        interactive("list", {"button": "Ver", "sections": [{"rows": [ROW]}, {"rows": [ROW]}]}),
        "interactive.action.sections.0.title",
        "required",
    ),
    (
        "interactive",
        interactive(
            "list",
            {"button": "Ver", "sections": [{"rows": [ROW]}]},
            header={"type": "image", "image": {"id": "1"}},
        ),
        "interactive.header.type",
        "not_allowed",
    ),
    (
        "interactive",
        interactive("cta_url", {"name": "cta_url", "parameters": {"display_text": "x" * 21}}),
        "interactive.action.parameters.display_text",
        "too_long",
    ),
    (
        "interactive",
        interactive("location_request_message", {"name": "send_location"}, footer={"text": "f"}),
        "interactive.footer",
        "not_allowed",
    ),
    (
        "interactive",
        interactive("product_list", {"catalog_id": "1", "sections": []}),
        "interactive.header",
        "required",
    ),
    (
        "interactive",
        interactive("carousel", {"cards": [{}]}),
        "interactive.action.cards",
        "count",
    ),
]


@pytest.mark.parametrize(("kind", "content", "path", "rule"), BAD)
def test_content_past_metas_limits_is_named(kind: str, content: Any, path: str, rule: str) -> None:
    assert (path, rule) in rules(kind, content)


def test_every_finding_is_listed_at_once() -> None:
    found = rules("image", {"link": "x", "caption": "c" * 1025})

    assert found == {("image.link", "url"), ("image.caption", "too_long")}


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["type", "body", "text", "action", "name", "id", "link", "buttons", "header"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(kind=st.sampled_from(payloads.TYPES), content=ANY)
def test_no_content_makes_the_check_raise(kind: str, content: Any) -> None:
    check_content(kind, content)
    check_content("interactive", {"type": "list", "action": content, "body": content})
