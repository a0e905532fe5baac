"""Read a template's definition from Meta's `components` JSON. Pure.

Reading never fails: what Meta (or a draft) holds may be of a shape this version does not know,
and is then left out of the variables and shown as it is. Rules are checked in `validation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
MEDIA_FORMATS: Final = ("IMAGE", "VIDEO", "DOCUMENT", "GIF")
AUTHENTICATION: Final = "AUTHENTICATION"
# Meta writes the body of authentication templates itself; drafts have no text yet.
AUTHENTICATION_BODY: Final = "*{{1}}* is your verification code."
SECURITY_RECOMMENDATION: Final = " For your security, do not share this code."

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """Say what is wrong where, and how to put it right. `path` is dotted."""

    path: str
    rule: str
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """Describe one value a send has to bring.

    `key` names it among the values: `1` or `first_name` in the body, `header` or `header_1`,
    `button_0`, `card_0_1`. `kind`: text, media, location, product, url, coupon, code, payload,
    flow, catalog, mpm, expiration. `name` is the placeholder as Meta knows it.
    """

    key: str
    component: str
    kind: str
    name: str = ""
    required: bool = True
    example: str = ""
    alias: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Hold a text and its placeholders in order, each once."""

    text: str
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    """Hold a header: TEXT, IMAGE, VIDEO, DOCUMENT, GIF, LOCATION or PRODUCT."""

    format: str
    text: str = ""
    variables: tuple[Variable, ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """Hold a button and its place, from 0. `variable` is None when it takes no value."""

    index: int
    type: str
    text: str
    target: str = ""
    variable: Variable | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """Hold one card of a carousel."""

    index: int
    header: Header | None
    body: Text | None
    buttons: tuple[Button, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        return _collect(self.header, self.body, self.buttons)


@dataclass(frozen=True, slots=True)
class Definition:
    """Hold a template as its author wrote it or Meta returned it."""

    name: str
    language: str
    category: str
    is_named: bool
    header: Header | None = None
    body: Text = field(default_factory=lambda: Text(""))
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    cards: tuple[Card, ...] = ()
    offer: Variable | None = None
    offer_text: str = ""

    @property
    def variables(self) -> tuple[Variable, ...]:
        """List every value a send has to bring or may bring, in reading order."""
        own = _collect(self.header, self.body, self.buttons)
        offer = (self.offer,) if self.offer else ()
        return (*own, *offer, *(found for card in self.cards for found in card.variables))


def read(
    components: Any,
    *,
    name: str = "",
    language: str = "",
    category: str = "",
    parameter_format: str = "",
) -> Definition:
    """Return the definition behind Meta's components."""
    parts = {_type(part): part for part in objects(components)}
    category = category.upper()
    named = _is_named(parameter_format, parts)
    buttons = parts.get("BUTTONS", {}).get("buttons")
    offer = _object(parts.get("LIMITED_TIME_OFFER", {}).get("limited_time_offer"))
    return Definition(
        name=name,
        language=language,
        category=category,
        is_named=named,
        header=_header(parts["HEADER"], named, "") if "HEADER" in parts else None,
        body=_body(parts.get("BODY", {}), named, category, ""),
        footer=_footer(parts.get("FOOTER", {})),
        buttons=tuple(_buttons(buttons, category, "")),
        cards=tuple(_cards(parts.get("CAROUSEL", {}).get("cards"), named)),
        offer=_offer(offer),
        offer_text=_text(offer.get("text")),
    )


def placeholders(text: str) -> list[str]:
    """List the names in a text's placeholders, each once, in order."""
    return list(dict.fromkeys(PLACEHOLDER.findall(text)))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, whatever else it holds."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for row in value:
            if isinstance(row, dict):
                yield row


def _collect(
    header: Header | None, body: Text | None, buttons: tuple[Button, ...]
) -> tuple[Variable, ...]:
    return (
        *(header.variables if header else ()),
        *(body.variables if body else ()),
        *(button.variable for button in buttons if button.variable),
    )


def _is_named(parameter_format: str, parts: Mapping[str, Json]) -> bool:
    if parameter_format:
        return parameter_format.upper() == "NAMED"
    texts = " ".join(_text(part.get("text")) for part in parts.values())
    return any(not name.isdigit() for name in placeholders(texts))


def _header(part: Json, named: bool, prefix: str) -> Header:
    kind = (_text(part.get("format")) or "TEXT").upper()
    if kind == "TEXT":
        text = _text(part.get("text"))
        examples = _examples(part, "header_text", named)
        return Header(kind, text, _text_variables(text, f"{prefix}header", examples, named))
    kinds = {"LOCATION": "location", "PRODUCT": "product"}
    known = kind in MEDIA_FORMATS or kind in kinds
    handle = next(iter(_list(_object(part.get("example")).get("header_handle"))), "")
    variable = Variable(
        key=f"{prefix}header",
        component="header",
        kind=kinds.get(kind, "media"),
        name=kind.lower(),
        label=kind.capitalize(),
    )
    return Header(kind, "", (variable,) if known else (), _text(handle))


def _text_variables(
    text: str, component: str, examples: Mapping[str, str], named: bool
) -> tuple[Variable, ...]:
    """Name the header's positional variable `header_1`: `1` is the body's."""
    prefix = "" if named or component == "body" else f"{component}_"
    return tuple(
        Variable(
            key=f"{prefix}{name}",
            component="header" if component.endswith("header") else "body",
            kind="text",
            name=name,
            example=examples.get(name, ""),
            label=name,
        )
        for name in placeholders(text)
    )


def _body(part: Json, named: bool, category: str, prefix: str) -> Text:
    text = _text(part.get("text"))
    if category == AUTHENTICATION:
        return _authentication_body(part, text)
    examples = _examples(part, "body_text", named)
    if not prefix:
        return Text(text, _text_variables(text, "body", examples, named))
    return Text(
        text,
        tuple(
            Variable(f"{prefix}{name}", "body", "text", name, example=examples.get(name, ""))
            for name in placeholders(text)
        ),
    )


def _authentication_body(part: Json, text: str) -> Text:
    if not text:
        text = AUTHENTICATION_BODY
        if part.get("add_security_recommendation"):
            text += SECURITY_RECOMMENDATION
    code = Variable(
        "code", "body", "code", "1", example="123456", alias="1", label="Verification code"
    )
    return Text(text, (code,))


def _examples(part: Json, key: str, named: bool) -> dict[str, str]:
    example = _object(part.get("example"))
    if named:
        rows = objects(example.get(f"{key}_named_params"))
        return {_text(row.get("param_name")): _text(row.get("example")) for row in rows}
    values = _list(example.get(key))
    if values and isinstance(values[0], list):
        values = values[0]
    return {str(number): _text(value) for number, value in enumerate(values, start=1)}


def _footer(part: Json) -> str:
    text = _text(part.get("text"))
    minutes = part.get("code_expiration_minutes")
    return text or (f"This code expires in {minutes} minutes." if minutes else "")


def _buttons(rows: Any, category: str, prefix: str) -> Iterator[Button]:
    for index, row in enumerate(objects(rows)):
        kind = _type(row)
        target = _text(row.get("url")) or _text(row.get("phone_number"))
        yield Button(
            index=index,
            type=kind,
            text=_text(row.get("text")),
            target=target,
            variable=_button_variable(row, kind, category, f"{prefix}button_{index}"),
        )


# Button type: kind of its value, and whether a send must bring it.
_BUTTON_KINDS: Final = {
    "QUICK_REPLY": ("payload", False),
    "COPY_CODE": ("coupon", True),
    "FLOW": ("flow", False),
    "CATALOG": ("catalog", False),
    "MPM": ("mpm", True),
}


def _button_variable(row: Json, kind: str, category: str, key: str) -> Variable | None:
    """Say what value a button takes. Meta shows OTP buttons as URL ones when read back."""
    if kind == "OTP" or (category == AUTHENTICATION and kind in ("URL", "COPY_CODE")):
        return Variable("code", "button", "code", alias="1", label="Verification code")
    label = _text(row.get("text"))
    if kind == "URL":
        names = placeholders(_text(row.get("url")))
        if not names:
            return None
        example = _text(next(iter(_list(row.get("example"))), ""))
        return Variable(key, "button", "url", names[0], example=example, label=label)
    if kind not in _BUTTON_KINDS:
        return None
    value_kind, required = _BUTTON_KINDS[kind]
    example = _text(next(iter(_list(row.get("example"))), ""))
    return Variable(key, "button", value_kind, required=required, example=example, label=label)


def _cards(rows: Any, named: bool) -> Iterator[Card]:
    for index, row in enumerate(objects(rows)):
        parts = {_type(part): part for part in objects(row.get("components"))}
        prefix = f"card_{index}_"
        yield Card(
            index=index,
            header=_header(parts["HEADER"], named, prefix) if "HEADER" in parts else None,
            body=_body(parts["BODY"], named, "", prefix) if "BODY" in parts else None,
            buttons=tuple(_buttons(parts.get("BUTTONS", {}).get("buttons"), "", prefix)),
        )


def _offer(offer: Json) -> Variable | None:
    if not offer.get("has_expiration"):
        return None
    return Variable("expiration", "limited_time_offer", "expiration", label="Offer ends")


def _type(part: Json) -> str:
    return _text(part.get("type")).upper()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, str) and value else []
