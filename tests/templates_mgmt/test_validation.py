"""Meta's rules for a new template."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_mgmt.languages import LANGUAGES
from templates_mgmt.validation import validate

BODY = {
    "type": "BODY",
    "text": "Hola {{1}}, te esperamos el {{2}} en la clínica.",
    "example": {"body_text": [["Ana", "lunes"]]},
}
OTP = {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copiar"}]}


def rules(*parts: Any, **more: Any) -> set[tuple[str, str]]:
    fields: dict[str, Any] = {"name": "cita", "language": "es_ES", "category": "MARKETING", **more}
    return {(one.path, one.rule) for one in validate(components=list(parts), **fields)}


def body(text: str, *examples: str) -> dict[str, Any]:
    return {"type": "BODY", "text": text, "example": {"body_text": [list(examples)]}}


def buttons(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(rows)}


def reply(text: str) -> dict[str, Any]:
    return {"type": "QUICK_REPLY", "text": text}


def url(address: str = "https://e.example/", **more: Any) -> dict[str, Any]:
    return {"type": "URL", "text": "Ver", "url": address, **more}


def card(text: str = "Hoy hay una oferta", **more: Any) -> dict[str, Any]:
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}}
    parts = [header, {"type": "BODY", "text": text}, buttons(url())]
    return {"components": parts, **more}


GOOD: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((BODY,), {}),
    (
        (
            {
                "type": "HEADER",
                "format": "TEXT",
                "text": "Pedido {{1}}",
                "example": {"header_text": ["7"]},
            },
            BODY,
            {"type": "FOOTER", "text": "Clínica"},
            buttons(
                reply("Sí"),
                reply("No"),
                url("https://e.example/{{1}}", example=["a"]),
                {"type": "PHONE_NUMBER", "text": "Llamar", "phone_number": "+34911000100"},
                {"type": "COPY_CODE", "example": "SAVE"},
            ),
        ),
        {},
    ),
    (
        (
            {
                "type": "BODY",
                "text": "Hola {{first_name}}, ya está listo.",
                "example": {
                    "body_text_named_params": [{"param_name": "first_name", "example": "Ana"}]
                },
            },
        ),
        {"parameter_format": "named"},
    ),
    (
        ({"type": "BODY"}, {"type": "FOOTER", "code_expiration_minutes": 5}, OTP),
        {"category": "AUTHENTICATION", "message_send_ttl_seconds": 600},
    ),
    (({"type": "BODY", "text": "Mira esto"}, {"type": "CAROUSEL", "cards": [card(), card()]}), {}),
    (
        (
            {"type": "HEADER", "format": "VIDEO", "example": {"header_handle": ["4::x"]}},
            {"type": "BODY", "text": "Mira esto"},
            {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "¡Corre!"}},
            buttons({"type": "COPY_CODE", "example": "S"}, url()),
        ),
        {},
    ),
    ((BODY,), {"category": "UTILITY", "message_send_ttl_seconds": -1}),
]


@pytest.mark.parametrize(("parts", "more"), GOOD)
def test_a_template_within_metas_rules_has_no_finding(
    parts: tuple[Any, ...], more: dict[str, Any]
) -> None:
    assert rules(*parts, **more) == set()


@pytest.mark.parametrize(
    ("more", "path", "rule"),
    [
        ({"name": "Order Update"}, "name", "name"),
        ({"name": ""}, "name", "name"),
        ({"name": "a" * 513}, "name", "name"),
        ({"name": None}, "name", "name"),
        ({"language": "es-ES"}, "language", "language"),
        ({"language": ["es"]}, "language", "language"),
        ({"category": "SPAM"}, "category", "category"),
        ({"parameter_format": "other"}, "parameter_format", "choice"),
        ({"message_send_ttl_seconds": 5}, "message_send_ttl_seconds", "range"),
        ({"message_send_ttl_seconds": -1}, "message_send_ttl_seconds", "range"),
        ({"message_send_ttl_seconds": True}, "message_send_ttl_seconds", "range"),
    ],
)
def test_name_language_category_and_lifetime_are_checked(
    more: dict[str, Any], path: str, rule: str
) -> None:
    assert rules(BODY, **more) == {(path, rule)}


BAD: list[tuple[Any, str, str]] = [
    (body("{{1}} hola qué tal estás hoy", "a"), "components.0.text", "edge_variable"),
    (body("Hola qué tal estás hoy {{1}}.", "a"), "components.0.text", "edge_variable"),
    (body("Uno dos tres {{1}}{{2}} cuatro cinco seis", "a", "b"), "components.0.text", "adjacent"),
    (body("Uno dos tres {{2}} cuatro cinco", "a", "b"), "components.0.text", "placeholder"),
    (body("Uno dos {{name}} tres cuatro", "a"), "components.0.text", "placeholder"),
    (body("Uno dos {{1} tres cuatro", "a"), "components.0.text", "placeholder"),
    (body("Uno {{1}} dos", "a"), "components.0.text", "ratio"),
    (body("Uno dos tres {{1}} cuatro"), "components.0.example", "example"),
    (body("Uno dos tres {{1}} cuatro", " "), "components.0.example", "example"),
    (body("x" * 1025), "components.0.text", "too_long"),
    (body(""), "components.0.text", "required"),
    (body("Uno\n\n\ndos"), "components.0.text", "line_breaks"),
    ({"type": "BODY"}, "components.0.text", "required"),
    ({"type": "SONG"}, "components.0.type", "unknown_type"),
    ("text", "components.0", "type"),
]


@pytest.mark.parametrize(("part", "path", "rule"), BAD)
def test_a_broken_body_is_named(part: Any, path: str, rule: str) -> None:
    assert (path, rule) in rules(part)


@pytest.mark.parametrize(
    ("part", "path", "rule"),
    [
        ({"type": "HEADER", "format": "TEXT", "text": "x" * 61}, "text", "too_long"),
        ({"type": "HEADER", "format": "TEXT", "text": "*Hola*"}, "text", "markdown"),
        ({"type": "HEADER", "format": "TEXT", "text": "{{1}} a {{2}}"}, "text", "variables"),
        ({"type": "HEADER", "format": "IMAGE"}, "example", "example"),
        ({"type": "HEADER", "format": "SOUND"}, "format", "choice"),
        ({"type": "HEADER"}, "format", "choice"),
        ({"type": "FOOTER", "text": "x" * 61}, "text", "too_long"),
        ({"type": "FOOTER", "text": "Hola {{1}}"}, "text", "variables"),
        ({"type": "FOOTER"}, "text", "required"),
        (BODY, None, "unique"),
        (buttons(), "buttons", "count"),
        (buttons(*[reply(str(n)) for n in range(11)]), "buttons", "count"),
        (buttons(reply("a"), url(), reply("b")), "buttons", "grouping"),
        (buttons(reply("a"), reply("a")), "buttons", "unique"),
        (buttons(url(), url(text="b"), url(text="c")), "buttons", "count"),
        (buttons(reply("x" * 26)), "buttons.0.text", "too_long"),
        (buttons(reply("")), "buttons.0.text", "required"),
        (buttons(reply("Hola {{1}}")), "buttons.0.text", "plain"),
        (buttons({"type": "JUMP", "text": "a"}), "buttons.0.type", "unknown_type"),
        (buttons(url("e.example")), "buttons.0.url", "url"),
        (buttons(url("https://wa.me/34911000100")), "buttons.0.url", "url"),
        (buttons(url("https://{{1}}.example/", example=["a"])), "buttons.0.url", "variables"),
        (buttons(url("https://e.example/{{1}}")), "buttons.0.example", "example"),
        (buttons({"type": "PHONE_NUMBER", "text": "a"}), "buttons.0.phone_number", "required"),
        (buttons({"type": "COPY_CODE", "example": "x" * 16}), "buttons.0.example", "example"),
        (buttons({"type": "FLOW", "text": "a"}), "buttons.0.flow_id", "required"),
        ({"type": "CAROUSEL", "cards": [card()]}, "cards", "count"),
        (
            {"type": "CAROUSEL", "cards": [card(), {"components": []}]},
            "cards",
            "same_shape",
        ),
        (
            {"type": "CAROUSEL", "cards": [card("x" * 161), card()]},
            "cards.0.components.1.text",
            "too_long",
        ),
        (
            {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "x" * 17}},
            "limited_time_offer.text",
            "too_long",
        ),
    ],
)
def test_a_broken_part_beside_a_good_body_is_named(
    part: dict[str, Any], path: str | None, rule: str
) -> None:
    where = f"components.1.{path}" if path else "components.1"

    assert (where, rule) in rules(BODY, part)


def test_a_template_needs_a_body() -> None:
    assert rules() == {("components", "body_missing")}


def test_an_offer_has_no_footer_and_a_short_body() -> None:
    offer = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "a"}}
    footer = {"type": "FOOTER", "text": "f"}

    found = rules(body("x" * 601), offer, footer)

    assert found == {("components.0.text", "too_long"), ("components.2", "not_allowed")}


@pytest.mark.parametrize("part", [{"type": "CAROUSEL", "cards": [card(), card()]}])
def test_some_components_are_for_marketing_only(part: dict[str, Any]) -> None:
    assert ("components.1", "category") in rules(BODY, part, category="UTILITY")


def test_an_authentication_template_is_metas_text_and_one_button() -> None:
    found = rules(
        {"type": "BODY", "text": "Your code is {{1}}"},
        {"type": "HEADER", "format": "TEXT", "text": "Hi"},
        {"type": "FOOTER", "text": "f", "code_expiration_minutes": 91},
        buttons(reply("a")),
        category="AUTHENTICATION",
    )

    assert found == {
        ("components.0.text", "not_allowed"),
        ("components.1", "not_allowed"),
        ("components.2.text", "not_allowed"),
        ("components.2.code_expiration_minutes", "range"),
        ("components.3", "otp_button"),
    }


def test_one_tap_needs_an_app() -> None:
    button = {"type": "OTP", "otp_type": "ZERO_TAP", "supported_apps": [{"package_name": "x"}]}

    found = rules({"type": "BODY"}, buttons(button), category="AUTHENTICATION")

    assert found == {
        ("components.1.buttons.0.supported_apps.0.package_name", "required"),
        ("components.1.buttons.0.supported_apps.0.signature_hash", "length"),
        ("components.1.buttons.0.zero_tap_terms_accepted", "required"),
    }


def test_every_finding_is_listed_at_once() -> None:
    found = rules(body("{{1}}"), buttons(reply("")), name="X", language="x")

    assert {path for path, _ in found} >= {
        "name",
        "language",
        "components.0.text",
        "components.0.example",
        "components.1.buttons.0.text",
    }


def test_metas_languages_are_known() -> None:
    assert len(LANGUAGES) == 112
    assert {"es", "es_MX", "pt_BR", "zh_CN", "fil"} <= LANGUAGES


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["type", "format", "text", "buttons", "cards", "components", "example", "url"]
            ),
            st.one_of(
                inner,
                st.sampled_from(["HEADER", "BODY", "BUTTONS", "CAROUSEL", "URL", "OTP", "TEXT"]),
            ),
            max_size=4,
        ),
    ),
    max_leaves=10,
)


@given(parts=ANY, category=st.sampled_from(["MARKETING", "AUTHENTICATION", None]), more=ANY)
def test_no_input_makes_the_check_raise(parts: Any, category: Any, more: Any) -> None:
    validate(
        name=more,
        language=more,
        category=category,
        components=[
            {"type": "BUTTONS", "buttons": parts},
            *(parts if isinstance(parts, list) else []),
        ],
        parameter_format=more,
        message_send_ttl_seconds=more,
    )
    validate(name="x", language="es", category=category, components=parts)
