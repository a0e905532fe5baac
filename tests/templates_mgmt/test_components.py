"""A template's variables, its preview, and what Meta gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_mgmt import components

BODY = {
    "type": "BODY",
    "text": "Hola {{1}}, tu cita es el {{2}}. Gracias, {{1}}.",
    "example": {"body_text": [["Ana", "lunes"]]},
}
ALL_BUTTONS = {
    "type": "BUTTONS",
    "buttons": [
        {"type": "QUICK_REPLY", "text": "Baja"},
        {"type": "URL", "text": "Ver", "url": "https://e.example/{{1}}", "example": ["a"]},
        {"type": "URL", "text": "Web", "url": "https://e.example/"},
        {"type": "PHONE_NUMBER", "text": "Llamar", "phone_number": "+34911000100"},
        {"type": "COPY_CODE", "example": "SAVE10"},
        {"type": "FLOW", "text": "Abrir", "flow_id": "1"},
        {"type": "CATALOG", "text": "Catálogo"},
        {"type": "MPM", "text": "Productos"},
    ],
}


def definition(*parts: dict[str, Any], **more: str) -> components.Definition:
    named: dict[str, Any] = {"name": "cita", "language": "es_ES", "category": "UTILITY", **more}
    return components.read(list(parts), **named)


def keys(of: components.Definition) -> list[str]:
    return [variable.key for variable in of.variables]


def rules(of: components.Definition, values: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding.path, finding.rule) for finding in components.check(of, values)}


def test_positional_variables_come_once_with_their_examples() -> None:
    found = definition(BODY).variables

    assert [(one.key, one.example) for one in found] == [("1", "Ana"), ("2", "lunes")]


def test_header_and_body_variables_do_not_share_a_key() -> None:
    header = {"type": "HEADER", "format": "TEXT", "text": "Pedido {{1}}"}

    assert keys(definition(header, BODY)) == ["header_1", "1", "2"]


def test_named_variables_keep_their_names() -> None:
    header = {"type": "HEADER", "format": "TEXT", "text": "Pedido {{order}}"}
    body = {"type": "BODY", "text": "Hola {{first_name}}, ya está."}

    found = definition(header, body, parameter_format="NAMED")

    assert keys(found) == ["order", "first_name"]
    assert components.send_components(found, {"order": 7, "first_name": "Ana"}) == [
        {
            "type": "header",
            "parameters": [{"type": "text", "parameter_name": "order", "text": "7"}],
        },
        {
            "type": "body",
            "parameters": [{"type": "text", "parameter_name": "first_name", "text": "Ana"}],
        },
    ]


def test_a_template_without_variables_sends_no_components() -> None:
    compiled = components.compile_template(definition({"type": "BODY", "text": "Hola."}))

    assert compiled.payload({"1": "unused"}) == {"name": "cita", "language": {"code": "es_ES"}}


def test_every_button_that_takes_a_value_gets_its_component() -> None:
    values = {
        "button_0": "stop",
        "button_1": "abc",
        "button_4": "SAVE20",
        "button_5": "token-1",
        "button_6": "SKU",
        "button_7": {
            "thumbnail_product_retailer_id": "SKU",
            "sections": [{"title": "t", "product_items": []}],
        },
    }

    sent = components.send_components(definition(ALL_BUTTONS), values)

    assert [(part["sub_type"], part["index"]) for part in sent] == [
        ("quick_reply", "0"),
        ("url", "1"),
        ("copy_code", "4"),
        ("flow", "5"),
        ("catalog", "6"),
        ("mpm", "7"),
    ]
    assert [part["parameters"][0] for part in sent][:4] == [
        {"type": "payload", "payload": "stop"},
        {"type": "text", "text": "abc"},
        {"type": "coupon_code", "coupon_code": "SAVE20"},
        {"type": "action", "action": {"flow_token": "token-1"}},
    ]


def test_optional_button_values_may_be_left_out() -> None:
    required = {
        "button_1": "abc",
        "button_4": "S",
        "button_7": {"thumbnail_product_retailer_id": "S", "sections": [1]},
    }

    sent = components.send_components(definition(ALL_BUTTONS), required)

    assert [part["sub_type"] for part in sent] == ["url", "copy_code", "flow", "mpm"]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("https://e.example/a.jpg", {"link": "https://e.example/a.jpg"}),
        ("910000000000001", {"id": "910000000000001"}),
        ({"id": "9", "filename": "f.pdf", "link": ""}, {"id": "9", "filename": "f.pdf"}),
    ],
)
def test_a_media_header_takes_a_link_an_id_or_an_object(value: Any, sent: Any) -> None:
    found = definition({"type": "HEADER", "format": "DOCUMENT"})

    assert components.send_components(found, {"header": value}) == [
        {"type": "header", "parameters": [{"type": "document", "document": sent}]}
    ]


def test_a_location_header_takes_a_place() -> None:
    found = definition({"type": "HEADER", "format": "LOCATION"})
    place = {"latitude": "1", "longitude": "2", "name": "Aquí", "address": "Calle"}

    (sent,) = components.send_components(found, {"header": place})

    assert sent["parameters"] == [{"type": "location", "location": place}]
    assert components.render(found, {"header": place}).header == "Aquí"
    assert rules(found, {"header": {"latitude": "1"}}) == {
        ("header.longitude", "required"),
        ("header.name", "required"),
        ("header.address", "required"),
    }


@pytest.mark.parametrize(
    "button",
    [
        {"type": "OTP", "otp_type": "COPY_CODE"},
        {"type": "URL", "text": "Copy", "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}"},
    ],
)
@pytest.mark.parametrize("key", ["code", "1"])
def test_an_authentication_code_stands_in_body_and_button(button: dict[str, Any], key: str) -> None:
    parts = (
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "BUTTONS", "buttons": [button]},
    )

    sent = components.send_components(definition(*parts, category="AUTHENTICATION"), {key: 123456})

    parameter = [{"type": "text", "text": "123456"}]
    assert sent == [
        {"type": "body", "parameters": parameter},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": parameter},
    ]


def test_the_preview_of_an_authentication_template_has_metas_words() -> None:
    found = definition(
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": 5},
        category="AUTHENTICATION",
    )

    shown = components.render(found, {"code": "1234"})

    assert shown.body.startswith("*1234* is your verification code.")
    assert shown.footer == "This code expires in 5 minutes."


def test_a_carousel_sends_every_card_in_place() -> None:
    card = {
        "components": [
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Hoy {{1}} menos"},
            {
                "type": "BUTTONS",
                "buttons": [{"type": "URL", "text": "Ver", "url": "https://e.example/{{1}}"}],
            },
        ]
    }
    found = definition(
        {"type": "BODY", "text": "Hola {{1}}, mira"}, {"type": "CAROUSEL", "cards": [card, card]}
    )
    values = {"1": "Ana"}
    for index in (0, 1):
        values |= {
            f"card_{index}_header": "9",
            f"card_{index}_1": f"{index}0%",
            f"card_{index}_button_0": "x",
        }

    body, carousel = components.send_components(found, values)

    assert body["parameters"] == [{"type": "text", "text": "Ana"}]
    assert [row["card_index"] for row in carousel["cards"]] == [0, 1]
    assert carousel["cards"][1]["components"] == [
        {"type": "header", "parameters": [{"type": "image", "image": {"id": "9"}}]},
        {"type": "body", "parameters": [{"type": "text", "text": "10%"}]},
        {
            "type": "button",
            "sub_type": "url",
            "index": "0",
            "parameters": [{"type": "text", "text": "x"}],
        },
    ]
    assert components.render(found, values).cards[1].body == "Hoy 10% menos"


def test_an_offer_brings_its_end_in_milliseconds() -> None:
    found = definition(
        {
            "type": "LIMITED_TIME_OFFER",
            "limited_time_offer": {"text": "¡Corre!", "has_expiration": True},
        }
    )

    (sent,) = components.send_components(found, {"expiration": 1793000000000})

    assert sent["parameters"][0]["limited_time_offer"] == {"expiration_time_ms": 1793000000000}
    assert rules(found, {"expiration": "tomorrow"}) == {("expiration", "type")}


def test_the_preview_shows_what_the_person_will_see() -> None:
    header = {"type": "HEADER", "format": "IMAGE"}
    footer = {"type": "FOOTER", "text": "Clínica"}
    values = {"1": "Ana", "2": "lunes", "header": "https://e.example/a.jpg", "button_1": "abc"}

    shown = components.render(definition(header, BODY, footer, ALL_BUTTONS), values)

    assert shown.header_media == "https://e.example/a.jpg"
    assert shown.body == "Hola Ana, tu cita es el lunes. Gracias, Ana."
    assert shown.footer == "Clínica"
    assert shown.buttons[1].target == "https://e.example/abc"
    assert shown.buttons[3].target == "+34911000100"


def test_a_variable_without_value_stays_visible_in_the_preview() -> None:
    assert "{{2}}" in components.render(definition(BODY), {"1": "Ana"}).body


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    shown = components.render(definition(BODY), {"1": "{{2}}", "2": "lunes"})

    assert shown.body == "Hola {{2}}, tu cita es el lunes. Gracias, {{2}}."


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (None, "required"),
        ("", "required"),
        ("   ", "required"),
        ("a\nb", "whitespace"),
        ("a\tb", "whitespace"),
        ("a     b", "whitespace"),
        (["a"], "type"),
        (True, "type"),
        ("x" * 1025, "too_long"),
    ],
)
def test_a_value_meta_would_refuse_is_found_before(value: Any, rule: str) -> None:
    assert rules(definition(BODY), {"1": value, "2": "b"}) == {("1", rule)}


def test_four_spaces_and_numbers_are_fine() -> None:
    assert rules(definition(BODY), {"1": "a    b", "2": 3.5}) == set()


def test_the_filled_text_may_not_pass_metas_limit() -> None:
    assert rules(definition(BODY), {"1": "x" * 600, "2": "y" * 600}) == {("body", "too_long")}


def test_a_value_counts_as_often_as_it_stands_in_the_text() -> None:
    assert rules(definition(BODY), {"1": "x" * 500, "2": "y" * 40}) == {("body", "too_long")}


def test_a_coupon_has_at_most_fifteen_characters() -> None:
    coupon = {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "S"}]}

    assert rules(definition(coupon), {"button_0": "X" * 16}) == {("button_0", "too_long")}


def test_a_url_suffix_has_no_spaces() -> None:
    url = {"type": "BUTTONS", "buttons": [ALL_BUTTONS["buttons"][1]]}

    assert rules(definition(url), {"button_0": "a b"}) == {("button_0", "url")}


def test_every_missing_value_is_named_at_once_and_nothing_is_sent() -> None:
    compiled = components.compile_template(definition(BODY))

    with pytest.raises(components.InvalidValues) as caught:
        compiled.payload({"1": ""})

    assert [finding.path for finding in caught.value.findings] == ["1", "2"]
    assert caught.value.code == "invalid_variables"


def test_a_refusal_does_not_repeat_the_values() -> None:
    compiled = components.compile_template(definition(BODY))

    with pytest.raises(components.InvalidValues) as caught:
        compiled.payload({"1": "secret\nvalue", "2": "b"})

    assert "secret" not in str(caught.value) + repr(caught.value.extra)


WORDS = st.text(st.characters(whitelist_categories=("Ll", "Lu", "Nd")), min_size=1, max_size=8)


@given(
    words=st.lists(WORDS, min_size=2, max_size=9),
    values=st.lists(WORDS, min_size=8, max_size=8),
)
def test_preview_and_message_say_the_same(words: list[str], values: list[str]) -> None:
    count = len(words) - 1
    text = words[0] + "".join(f" {{{{{n}}}}} {words[n]}" for n in range(1, count + 1))
    found = definition({"type": "BODY", "text": text})
    given_values = {str(n): values[n - 1] for n in range(1, count + 1)}

    (body,) = components.send_components(found, given_values)
    sent = [parameter["text"] for parameter in body["parameters"]]

    assert len(sent) == len(found.variables) == count
    expected = words[0] + "".join(f" {sent[n - 1]} {words[n]}" for n in range(1, count + 1))
    assert components.render(found, given_values).body == expected


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6), st.just("{{1}}")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "format", "text", "buttons", "cards", "example", "url"]),
            st.one_of(
                inner,
                st.sampled_from(["HEADER", "BODY", "BUTTONS", "CAROUSEL", "URL", "IMAGE", "OTP"]),
            ),
            max_size=4,
        ),
    ),
    max_leaves=10,
)


@given(parts=ANY, values=st.dictionaries(st.sampled_from(["1", "header", "button_0"]), ANY))
def test_no_definition_and_no_values_make_the_reading_raise(parts: Any, values: Any) -> None:
    found = components.read(parts, name="x", language="es", category="UTILITY")

    components.render(found, values)
    compiled = components.compile_template(found)
    if not compiled.check(values):
        assert not _empty_texts(compiled.payload(values))


def _empty_texts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        own = [value] if value.get("type") == "text" and not value.get("text") else []
        return own + [found for inner in value.values() for found in _empty_texts(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in _empty_texts(inner)]
    return []
