"""Check a template send against the template, as Meta does before it accepts."""

import re
from typing import Any

from config.dev.sandbox.content import check_link_or_id
from config.dev.sandbox.errors import Json, MetaError, missing
from config.dev.sandbox.world import MEDIA_KINDS, Shape, Template, Waba, World

_BAD_TEXT = re.compile(r"[\n\r\t]| {5}")
BODY_PARAMETERS = ("text", "currency", "date_time")
MAX_BODY = 1024
MAX_PAYLOAD = 128
MAX_CODE = 15


def find_template(waba: Waba, message: Json) -> Template:
    """Return the template the message names, if it may be sent now."""
    spec = message.get("template")
    if not isinstance(spec, dict):
        raise missing("template")
    name, language = spec.get("name"), spec.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    if not (name and isinstance(name, str) and code and isinstance(code, str)):
        raise missing("template['language']['code']" if name else "template['name']")
    template = waba.templates.get((name, code))
    if template is None:
        raise MetaError(132001, f"template name ({name}) does not exist in {code}")
    if template.status == "PAUSED":
        raise MetaError(132015, f"template ({name}) is paused because of low quality")
    if template.status == "DISABLED":
        raise MetaError(132016, f"template ({name}) is disabled")
    if template.status not in ("APPROVED", "FLAGGED", "REINSTATED"):
        raise MetaError(132001, f"template name ({name}) does not exist in {code}")
    return template


def check(world: World, template: Template, spec: Json) -> None:
    """Raise what Meta answers when the components of the send do not fit the template."""
    components = spec.get("components") or []
    if not isinstance(components, list):
        raise MetaError(132012, "components must be a list")
    shape = template.shape
    header: Json | None = None
    body: Json | None = None
    buttons: dict[int, Json] = {}
    for component in components:
        kind = _kind_of(component)
        if kind == "header":
            header = component
        elif kind == "body":
            body = component
        elif kind == "button":
            _place_button(buttons, component, shape)
    _check_header(world, shape, header)
    _check_body(shape, body)
    _check_buttons(shape, buttons)


def _kind_of(component: Any) -> str:
    kind = str(component.get("type", "")).lower() if isinstance(component, dict) else ""
    allowed = ("header", "body", "button", "limited_time_offer", "carousel")
    if kind not in allowed:
        raise MetaError(132012, f"components: type must be one of {', '.join(allowed)}")
    return kind


def _parameters(component: Json | None) -> list[Json]:
    if component is None:
        return []
    parameters = component.get("parameters") or []
    if not isinstance(parameters, list) or not all(isinstance(p, dict) for p in parameters):
        raise MetaError(132012, "parameters must be a list of objects")
    return parameters


def _check_header(world: World, shape: Shape, component: Json | None) -> None:
    parameters = _parameters(component)
    if shape.header in MEDIA_KINDS:
        _check_media_header(world, shape.header.lower(), parameters)
        return
    if shape.header is None and component is not None:
        raise MetaError(132018, "header: the template has no header")
    _check_texts("header", parameters, shape.header_names, named=shape.named, kinds=("text",))


def _check_media_header(world: World, kind: str, parameters: list[Json]) -> None:
    if len(parameters) != 1 or parameters[0].get("type") != kind:
        received = parameters[0].get("type", "UNKNOWN") if parameters else "UNKNOWN"
        raise MetaError(
            132012,
            f"header: Format mismatch, expected {kind.upper()}, received {str(received).upper()}",
        )
    value = parameters[0].get(kind)
    if kind == "location":
        if not isinstance(value, dict) or not {"latitude", "longitude"} <= value.keys():
            raise MetaError(132012, "header: location needs latitude and longitude")
        return
    check_link_or_id(world, kind, value)


def _check_body(shape: Shape, component: Json | None) -> None:
    parameters = _parameters(component)
    length = _check_texts(
        "body", parameters, shape.body_names, named=shape.named, kinds=BODY_PARAMETERS
    )
    if shape.category == "authentication" and length > MAX_CODE:
        raise MetaError(132018, f"body: the code is longer than {MAX_CODE} characters")
    if shape.body_length + length > MAX_BODY:
        raise MetaError(132005, f"body: longer than {MAX_BODY} characters")


def _check_texts(
    where: str,
    parameters: list[Json],
    names: tuple[str, ...],
    *,
    named: bool,
    kinds: tuple[str, ...],
) -> int:
    """Check text parameters against the variables; return how long their texts are together."""
    if len(parameters) != len(names):
        raise MetaError(
            132000,
            f"{where}: number of localizable_params ({len(parameters)}) does not match the "
            f"expected number of params ({len(names)})",
        )
    length = sum(_check_text(where, parameter, kinds) for parameter in parameters)
    if named and names:
        given = [p.get("parameter_name") for p in parameters]
        if not all(name and isinstance(name, str) for name in given):
            raise MetaError(132012, f"{where}: Parameter name is missing or empty")
        if set(given) != set(names):
            raise MetaError(132018, f"{where}: parameter names do not match the template")
    return length


def _check_text(where: str, parameter: Json, kinds: tuple[str, ...]) -> int:
    kind = parameter.get("type")
    if kind not in kinds:
        raise MetaError(132012, f"{where}: a parameter has type {kind}, expected {kinds[0]}")
    value = parameter.get(kind)
    if kind != "text":
        value = value.get("fallback_value") if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise MetaError(132012, f"{where}: a parameter has no text")
    if not value:
        raise missing(f"{where}: text of a parameter is empty")
    if _BAD_TEXT.search(value):
        raise MetaError(
            132018,
            f"{where}: Param text cannot have new-line/tab characters or more than 4 consecutive "
            "spaces",
        )
    return len(value)


def _place_button(buttons: dict[int, Json], component: Json, shape: Shape) -> None:
    try:
        index = int(component.get("index", ""))
    except (TypeError, ValueError):
        raise MetaError(132012, "button: index is missing or not a number") from None
    if not 0 <= index < len(shape.buttons):
        raise MetaError(132018, f"button: the template has no button at index {index}")
    kind = str(component.get("sub_type", "")).upper()
    if kind != shape.buttons[index].kind:
        raise MetaError(132018, f"button: sub_type of index {index} is not {kind or 'given'}")
    buttons[index] = component


def _check_buttons(shape: Shape, given: dict[int, Json]) -> None:
    for index, button in enumerate(shape.buttons):
        component = given.get(index)
        if component is None:
            if button.variable:
                kind = button.kind.title()
                raise missing(f"Button at index {index} of type {kind} requires a parameter")
            continue
        if button.kind == "URL" and not button.variable:
            raise MetaError(132018, f"button: the URL at index {index} takes no parameter")
        _check_button(index, button.kind, _parameters(component))


def _check_button(index: int, kind: str, parameters: list[Json]) -> None:
    expected = {"URL": "text", "QUICK_REPLY": "payload", "COPY_CODE": "coupon_code"}.get(kind)
    if expected is None:
        return
    if len(parameters) != 1:
        raise MetaError(132000, f"button: index {index} takes one parameter")
    value = parameters[0].get(expected)
    if parameters[0].get("type") != expected or not isinstance(value, str) or not value:
        raise MetaError(132012, f"button: index {index} takes a parameter of type {expected}")
    if kind == "QUICK_REPLY" and len(value) > MAX_PAYLOAD:
        raise MetaError(132018, f"button: payload longer than {MAX_PAYLOAD} characters")
    if kind == "COPY_CODE" and len(value) > MAX_CODE:
        raise MetaError(132018, f"button: code longer than {MAX_CODE} characters")
