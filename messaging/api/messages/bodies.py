"""Reading message bodies as they come in: Meta's template body, and media by our own id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final
from uuid import UUID

from config.lib.errors import InvalidInput
from templates_mgmt.definition import Button, Card, Definition, Header, Text, Variable

Json = Mapping[str, Any]
MEDIA_TYPES: Final = frozenset({"image", "video", "audio", "document", "sticker"})


class TemplateMismatch(InvalidInput):
    """Meta's template body has parts this template does not have."""

    code = "invalid_template"


def values_of(definition: Definition, components: Any) -> dict[str, Any]:
    """Return the values by variable that Meta's `components` of one send carry.

    Raises `TemplateMismatch` naming the part that does not belong to the template; what is missing
    is found when the values are checked.
    """
    return dict(_parts(definition, _objects(components, "template.components")))


def with_media(content: Any, replace: Callable[[str, UUID], str]) -> Any:
    """Return content in which each media object by our id has Meta's instead.

    `replace` gets Meta's type of media and our id.
    """
    if isinstance(content, list):
        return [with_media(one, replace) for one in content]
    if not isinstance(content, dict):
        return content
    return {
        name: media_object(name, value, replace)
        if name in MEDIA_TYPES
        else with_media(value, replace)
        for name, value in content.items()
    }


def media_object(kind: str, value: Any, replace: Callable[[str, UUID], str]) -> Any:
    """Return a media object with Meta's id where it held ours."""
    ours = our_id(value.get("id")) if isinstance(value, dict) else None
    return value if ours is None else {**value, "id": replace(kind, ours)}


def our_id(value: Any) -> UUID | None:
    """Return the id if it is one of ours: Meta's are digits."""
    try:
        return UUID(value) if isinstance(value, str) and len(value) == 36 else None
    except ValueError:
        return None


def _parts(definition: Definition | Card, rows: Iterator[tuple[str, Json]]) -> Iterator[Any]:
    for path, row in rows:
        kind = str(row.get("type", "")).lower()
        if kind == "header":
            yield from _header(path, row, definition.header)
        elif kind == "body":
            body = definition.body or Text("")
            yield from _texts(path, row, body.variables)
        elif kind == "button":
            yield from _button(path, row, definition.buttons)
        elif kind == "limited_time_offer" and isinstance(definition, Definition):
            yield from _offer(path, row, definition.offer)
        elif kind == "carousel" and isinstance(definition, Definition):
            yield from _carousel(path, row, definition.cards)
        else:
            raise TemplateMismatch("The template has no such part.", attr=f"{path}.type")


def _header(path: str, row: Json, header: Header | None) -> Iterator[Any]:
    variables = header.variables if header else ()
    if header is None or header.format == "TEXT":
        yield from _texts(path, row, variables)
        return
    [at, parameter] = _only_parameter(path, row)
    if not variables or header.format.lower() not in parameter:
        raise TemplateMismatch(f"The header takes: {header.format.lower()}.", attr=at)
    yield variables[0].key, parameter[header.format.lower()]


def _texts(path: str, row: Json, variables: Sequence[Variable]) -> Iterator[Any]:
    found = list(_objects(row.get("parameters"), f"{path}.parameters"))
    by_name = {variable.name: variable for variable in variables}
    for variable, given in zip_longest(variables, found):
        if given is None:
            return
        at, parameter = given
        name = parameter.get("parameter_name")
        named = by_name.get(name) if isinstance(name, str) else variable
        if named is None:
            raise TemplateMismatch("The template has no such variable.", attr=at)
        yield named.key, _text_of(parameter)


def _text_of(parameter: Json) -> Any:
    """Return the text; Meta's older money and date parameters carry one to fall back to."""
    for kind in ("currency", "date_time"):
        inner = parameter.get(kind)
        if isinstance(inner, dict):
            return inner.get("fallback_value")
    return parameter.get("text")


def _button(path: str, row: Json, buttons: Sequence[Button]) -> Iterator[Any]:
    variable = next(
        (one.variable for one in buttons if str(one.index) == str(row.get("index"))), None
    )
    if variable is None:
        raise TemplateMismatch("No button at this place takes a value.", attr=f"{path}.index")
    _, parameter = _only_parameter(path, row)
    names = ("text", "payload", "coupon_code", "action")
    yield variable.key, next((parameter[name] for name in names if name in parameter), None)


def _offer(path: str, row: Json, variable: Variable | None) -> Iterator[Any]:
    at, parameter = _only_parameter(path, row)
    offer = parameter.get("limited_time_offer")
    if variable is None or not isinstance(offer, dict):
        raise TemplateMismatch("The template has no such offer.", attr=at)
    yield variable.key, offer.get("expiration_time_ms")


def _carousel(path: str, row: Json, cards: Sequence[Card]) -> Iterator[Any]:
    by_index = {str(card.index): card for card in cards}
    for at, given in _objects(row.get("cards"), f"{path}.cards"):
        card = by_index.get(str(given.get("card_index")))
        if card is None:
            raise TemplateMismatch("The template has no such card.", attr=f"{at}.card_index")
        yield from _parts(card, _objects(given.get("components"), f"{at}.components"))


def _only_parameter(path: str, row: Json) -> tuple[str, Json]:
    found = list(_objects(row.get("parameters"), f"{path}.parameters"))
    if len(found) != 1:
        raise TemplateMismatch("Give one parameter.", attr=f"{path}.parameters")
    return found[0]


def _objects(value: Any, path: str) -> Iterator[tuple[str, Json]]:
    if value is None:
        return
    if not isinstance(value, list):
        raise TemplateMismatch("This must be a list.", attr=path)
    for index, row in enumerate(value):
        if not isinstance(row, dict):
            raise TemplateMismatch("This must be an object.", attr=f"{path}.{index}")
        yield f"{path}.{index}", row
