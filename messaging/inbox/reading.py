"""The words of a message, from Meta's object for its type. Pure, and never fails.

What an older or newer shape holds beside the known is left out; an unknown type reads as its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from templates_mgmt import components
from templates_mgmt.components import Definition, Preview

MEDIA: Final = frozenset({"image", "video", "audio", "voice", "document", "sticker"})

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in a message. `media` is the kind of file, `icon` stands for what has no text."""

    text: str = ""
    header: str = ""
    footer: str = ""
    buttons: tuple[str, ...] = ()
    media: str = ""
    filename: str = ""
    icon: str = ""

    @property
    def line(self) -> str:
        """Return one line for a list."""
        said = " ".join((self.text or self.header or self.filename).split())
        return said or self.media.capitalize() or "Message"


def read(type_: str, content: Any, definition: Definition | None = None) -> Words:
    """Return the words of a message; `definition` is the template's, where there is one."""
    if _object(content).get("removed") is True:
        return Words(text="Removed: the time it is kept for is over.", icon="auto_delete")
    if type_ == "template":
        return _template(_object(content), definition)
    if type_ in MEDIA:
        found = _object(content)
        return Words(
            text=_text(found.get("caption")), media=type_, filename=_text(found.get("filename"))
        )
    reader = _READERS.get(type_)
    if reader is None:
        return Words(text=f"A message of type “{type_}”, which is not shown here.", icon="help")
    return reader(content)


def of_preview(preview: Preview) -> Words:
    """Return the words of a template filled in."""
    media = preview.header_format.lower()
    return Words(
        text=preview.body,
        header=preview.header,
        footer=preview.footer,
        buttons=tuple(button.text or button.type.title() for button in preview.buttons),
        media=media if media in MEDIA else "",
    )


def values_of(content: Json, definition: Definition) -> dict[str, Any]:
    """Return the variables' values that Meta's `template` object carries."""
    values: dict[str, Any] = {}
    for part in _objects(content.get("components")):
        parameters = list(_objects(part.get("parameters")))
        kind = _text(part.get("type")).lower()
        if kind == "button":
            given = parameters[0] if parameters else {}
            values[f"button_{part.get('index')}"] = _parameter(given)
            continue
        wanted = [one for one in definition.variables if one.component == kind]
        for variable, parameter in zip(wanted, parameters, strict=False):
            values[variable.key] = _parameter(parameter)
    return values


def _parameter(parameter: Json) -> Any:
    kind = _text(parameter.get("type"))
    value = parameter.get(kind, parameter.get("text", ""))
    return value if isinstance(value, dict) else _text(value)


def _template(content: Json, definition: Definition | None) -> Words:
    name = _text(content.get("name"))
    if definition is None:
        return Words(text=f"Template {name}", icon="description")
    return of_preview(components.render(definition, values_of(content, definition)))


def _plain(content: Any) -> Words:
    return Words(text=_text(_object(content).get("body")))


def _button(content: Any) -> Words:
    return Words(text=_text(_object(content).get("text")), icon="touch_app")


def _reaction(content: Any) -> Words:
    emoji = _text(_object(content).get("emoji"))
    return Words(text=f"Reacted {emoji}" if emoji else "Took a reaction back", icon="add_reaction")


def _location(content: Any) -> Words:
    found = _object(content)
    place = ", ".join(_text(found.get(key)) for key in ("name", "address") if found.get(key))
    point = f"{found.get('latitude', '?')}, {found.get('longitude', '?')}"
    return Words(text=f"{place}\n{point}" if place else point, icon="location_on")


def _contacts(content: Any) -> Words:
    names = [
        _text(_object(one.get("name")).get("formatted_name")) or "A contact"
        for one in _objects(content)
    ]
    return Words(text="\n".join(names) or "A contact", icon="contacts")


def _order(content: Any) -> Words:
    items = list(_objects(_object(content).get("product_items")))
    said = _text(_object(content).get("text"))
    return Words(text=f"Order of {len(items)} products. {said}".strip(), icon="shopping_cart")


def _interactive(content: Any) -> Words:
    found = _object(content)
    for key in ("button_reply", "list_reply"):
        if isinstance(found.get(key), dict):
            return Words(text=_text(found[key].get("title")), icon="touch_app")
    if "nfm_reply" in found:
        return Words(text="Filled in a form", icon="fact_check")
    action = _object(found.get("action"))
    buttons = [
        _text(_object(one.get("reply")).get("title")) for one in _objects(action.get("buttons"))
    ]
    label = action.get("button") or _object(action.get("parameters")).get("display_text")
    return Words(
        text=_text(_object(found.get("body")).get("text")),
        header=_text(_object(found.get("header")).get("text")),
        footer=_text(_object(found.get("footer")).get("text")),
        buttons=tuple(text for text in (*buttons, _text(label)) if text),
    )


def _system(content: Any) -> Words:
    return Words(text=_text(_object(content).get("body")) or "A notice of WhatsApp", icon="info")


def _unsupported(_: Any) -> Words:
    return Words(text="A message WhatsApp does not pass on to businesses.", icon="help")


_READERS: Final[Mapping[str, Callable[[Any], Words]]] = {
    "text": _plain,
    "button": _button,
    "reaction": _reaction,
    "location": _location,
    "contacts": _contacts,
    "order": _order,
    "interactive": _interactive,
    "system": _system,
    "unsupported": _unsupported,
    "unknown": _unsupported,
}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
