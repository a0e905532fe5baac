"""Turn a template's definition and a person's values into a preview or a message. Pure.

definition = components.read(template.components, name=..., language=..., category=...)
components.render(definition, values)            what the person will see
compiled = components.compile_template(definition)
compiled.payload(values)                         Meta's `template` object, for each message
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.lib.errors import InvalidInput
from templates_mgmt import values as rules
from templates_mgmt.definition import (
    PLACEHOLDER,
    Button,
    Card,
    Definition,
    Finding,
    Header,
    Text,
    Variable,
    placeholders,
    read,
)
from templates_mgmt.values import Values, check, fill, text_of, value_of

__all__ = [
    "CompiledTemplate",
    "Definition",
    "Finding",
    "InvalidValues",
    "Preview",
    "Variable",
    "check",
    "compile_template",
    "placeholders",
    "read",
    "render",
    "send_components",
]

Json = dict[str, Any]


class InvalidValues(InvalidInput):
    """Say that the values of a template's variables cannot be sent."""

    code = "invalid_variables"

    def __init__(self, findings: list[Finding]) -> None:
        names = ", ".join(sorted({finding.path for finding in findings}))
        super().__init__(
            f"These variables cannot be sent: {names}.",
            attr="variables",
            extra={"findings": [_as_json(finding) for finding in findings]},
        )
        self.findings = findings


def _as_json(finding: Finding) -> dict[str, str]:
    return {"path": finding.path, "rule": finding.rule, "detail": finding.detail}


@dataclass(frozen=True, slots=True)
class PreviewButton:
    """Show one button: its label and where it leads."""

    type: str
    text: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """Show a message as the person will see it. Variables without value stay `{{name}}`.

    `header_format` is TEXT, IMAGE, ... or empty; `header_media` is a link or media id.
    """

    header_format: str = ""
    header: str = ""
    header_media: str = ""
    body: str = ""
    footer: str = ""
    buttons: tuple[PreviewButton, ...] = ()
    cards: tuple[Preview, ...] = ()
    offer: str = ""


def render(definition: Definition, values: Values) -> Preview:
    """Return what a send with these values would show."""
    return Preview(
        header_format=definition.header.format if definition.header else "",
        header=_rendered_header(definition.header, values),
        header_media=_header_media(definition.header, values),
        body=fill(definition.body, values),
        footer=definition.footer,
        buttons=tuple(_rendered_button(button, values) for button in definition.buttons),
        cards=tuple(_rendered_card(card, values) for card in definition.cards),
        offer=definition.offer_text,
    )


def _rendered_card(card: Card, values: Values) -> Preview:
    return Preview(
        header_format=card.header.format if card.header else "",
        header=_rendered_header(card.header, values),
        header_media=_header_media(card.header, values),
        body=fill(card.body, values) if card.body else "",
        buttons=tuple(_rendered_button(button, values) for button in card.buttons),
    )


def _rendered_header(header: Header | None, values: Values) -> str:
    if header is None:
        return ""
    if header.format == "LOCATION" and header.variables:
        place = value_of(header.variables[0], values)
        return text_of(place.get("name")) if isinstance(place, dict) else ""
    return fill(Text(header.text, header.variables), values)


def _header_media(header: Header | None, values: Values) -> str:
    if header is None or not header.variables or header.variables[0].kind != "media":
        return ""
    value = value_of(header.variables[0], values)
    if isinstance(value, dict):
        value = value.get("link") or value.get("id")
    return text_of(value)


def _rendered_button(button: Button, values: Values) -> PreviewButton:
    target = button.target
    variable = button.variable
    if variable and variable.kind == "url":
        suffix = text_of(value_of(variable, values))
        target = PLACEHOLDER.sub(lambda match: suffix or str(match[0]), target)
    elif variable and variable.kind in ("coupon", "code"):
        target = text_of(value_of(variable, values))
    return PreviewButton(button.type, button.text, target)


Builder = Callable[[Values], Json | None]


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """Hold a template prepared for many sends: what can be decided once is decided."""

    definition: Definition
    variables: tuple[Variable, ...]
    builders: tuple[Builder, ...]

    def check(self, values: Values) -> list[Finding]:
        """Return everything wrong with the values."""
        return rules.check(self.definition, values)

    def payload(self, values: Values) -> Json:
        """Return Meta's `template` object. Raises `InvalidValues`; never sends empty text."""
        findings = self.check(values)
        if findings:
            raise InvalidValues(findings)
        return self.assemble(values)

    def assemble(self, values: Values) -> Json:
        """Return Meta's `template` object for values that were checked before."""
        template: Json = {
            "name": self.definition.name,
            "language": {"code": self.definition.language},
        }
        built = [part for builder in self.builders if (part := builder(values)) is not None]
        if built:
            template["components"] = built
        return template


def compile_template(definition: Definition) -> CompiledTemplate:
    """Prepare a template for many sends."""
    builders = [*_part_builders(definition.header, definition.body, definition.is_named)]
    if definition.offer:
        builders.append(_offer_builder(definition.offer))
    builders.extend(_button_builders(definition.buttons))
    if definition.cards:
        builders.append(_carousel_builder(definition.cards, definition.is_named))
    return CompiledTemplate(definition, tuple(rules.unique(definition)), tuple(builders))


def send_components(definition: Definition, values: Values) -> list[Json]:
    """Return Meta's `components` of one send. Raises `InvalidValues`."""
    payload = compile_template(definition).payload(values)
    components: list[Json] = payload.get("components", [])
    return components


def _part_builders(header: Header | None, body: Text | None, named: bool) -> list[Builder]:
    builders = []
    if header and header.variables:
        builders.append(_parameters_builder("header", header.variables, header.format, named))
    if body and body.variables:
        builders.append(_parameters_builder("body", body.variables, "TEXT", named))
    return builders


def _parameters_builder(
    component: str, variables: tuple[Variable, ...], header_format: str, named: bool
) -> Builder:
    if component == "header" and header_format != "TEXT":
        variable, kind = variables[0], header_format.lower()

        def build_header(values: Values) -> Json:
            value = _header_value(value_of(variable, values))
            return {"type": "header", "parameters": [{"type": kind, kind: value}]}

        return build_header

    def build_text(values: Values) -> Json:
        return {
            "type": component,
            "parameters": [_text_parameter(variable, values, named) for variable in variables],
        }

    return build_text


def _text_parameter(variable: Variable, values: Values, named: bool) -> Json:
    text = text_of(value_of(variable, values))
    if named and variable.kind == "text":
        return {"type": "text", "parameter_name": variable.name, "text": text}
    return {"type": "text", "text": text}


def _header_value(value: Any) -> Any:
    """Return Meta's object for a link, a media id, or an object given as such."""
    if isinstance(value, dict):
        return {key: found for key, found in value.items() if found not in (None, "")}
    text = text_of(value)
    is_link = text.startswith(("https://", "http://"))
    return {"link": text} if is_link else {"id": text}


def _offer_builder(variable: Variable) -> Builder:
    def build(values: Values) -> Json:
        ends = int(text_of(value_of(variable, values)))
        parameter = {
            "type": "limited_time_offer",
            "limited_time_offer": {"expiration_time_ms": ends},
        }
        return {"type": "limited_time_offer", "parameters": [parameter]}

    return build


def _button_builders(buttons: tuple[Button, ...]) -> list[Builder]:
    return [_button_builder(button, button.variable) for button in buttons if button.variable]


def _button_builder(button: Button, variable: Variable) -> Builder:
    sub_type, parameter_of = _BUTTONS[variable.kind]
    index = str(button.index)

    def build(values: Values) -> Json | None:
        value = value_of(variable, values)
        if value is None and variable.kind != "flow":
            return None
        return {
            "type": "button",
            "sub_type": sub_type,
            "index": index,
            "parameters": [parameter_of(value)],
        }

    return build


def _text_value(value: Any) -> Json:
    return {"type": "text", "text": text_of(value)}


def _payload_value(value: Any) -> Json:
    return {"type": "payload", "payload": text_of(value)}


def _coupon_value(value: Any) -> Json:
    return {"type": "coupon_code", "coupon_code": text_of(value)}


def _flow_value(value: Any) -> Json:
    """Name the flow token; Meta takes "unused" for flows that need none."""
    if isinstance(value, dict):
        return {"type": "action", "action": value}
    return {"type": "action", "action": {"flow_token": text_of(value) or "unused"}}


def _catalog_value(value: Any) -> Json:
    if isinstance(value, dict):
        return {"type": "action", "action": value}
    action = {"thumbnail_product_retailer_id": text_of(value)}
    return {"type": "action", "action": action}


_BUTTONS: Final[Mapping[str, tuple[str, Callable[[Any], Json]]]] = {
    "url": ("url", _text_value),
    "code": ("url", _text_value),
    "coupon": ("copy_code", _coupon_value),
    "payload": ("quick_reply", _payload_value),
    "flow": ("flow", _flow_value),
    "catalog": ("catalog", _catalog_value),
    "mpm": ("mpm", _catalog_value),
}


def _carousel_builder(cards: tuple[Card, ...], named: bool) -> Builder:
    prepared = [
        (card.index, [*_part_builders(card.header, card.body, named)], card.buttons)
        for card in cards
    ]
    builders = [(index, [*parts, *_button_builders(buttons)]) for index, parts, buttons in prepared]

    def build(values: Values) -> Json:
        return {
            "type": "carousel",
            "cards": [
                {
                    "card_index": index,
                    "components": [
                        part for builder in parts if (part := builder(values)) is not None
                    ],
                }
                for index, parts in builders
            ],
        }

    return build
