"""Check interactive messages: reply buttons, lists, links, requests."""

from collections.abc import Callable
from typing import Any

from config.dev.sandbox.errors import Json, MetaError, invalid, missing

MAX_BODY = 1024
MAX_LIST_BODY = 4096
MAX_SMALL = 60
MAX_BUTTONS = 3
MAX_SECTIONS = 10
MAX_ROWS = 10
WITHOUT_HEADER = ("location_request_message", "product", "carousel", "request_contact_info")
BODY_OPTIONAL = ("product",)
OTHER_TYPES = (
    "flow",
    "product",
    "product_list",
    "catalog_message",
    "carousel",
    "address_message",
    "order_details",
    "order_status",
    "call_permission_request",
    "voice_call",
    "request_contact_info",
)


def check(content: Json) -> None:
    """Check one interactive object."""
    kind = content.get("type")
    action = content.get("action")
    if not isinstance(kind, str) or (kind not in _ACTIONS and kind not in OTHER_TYPES):
        raise invalid("interactive['type']")
    if not isinstance(action, dict):
        raise missing("interactive['action']")
    for part in ("body", "footer"):
        if content.get(part) is not None and not isinstance(content[part], dict):
            raise invalid(f"interactive['{part}']", "An object is expected.")
    body = content.get("body")
    if body is None and kind not in BODY_OPTIONAL:
        raise missing("interactive['body']")
    if body is not None:
        limit = MAX_LIST_BODY if kind == "list" else MAX_BODY
        _text("interactive['body']['text']", body.get("text"), limit)
    if content.get("footer") is not None:
        _text("interactive['footer']['text']", content["footer"].get("text"), MAX_SMALL)
    _header(kind, content.get("header"))
    if kind in _ACTIONS:
        _ACTIONS[kind](action)


def _text(where: str, value: Any, limit: int) -> str:
    if not isinstance(value, str) or not value:
        raise missing(where)
    if len(value) > limit:
        raise MetaError(131009, f"Parameter value is not valid: {where}. At most {limit} letters.")
    return value


def _header(kind: str, header: Any) -> None:
    if header is None:
        return
    header_type = header.get("type") if isinstance(header, dict) else None
    allowed = ("text",) if kind in ("list", "product_list") else _HEADERS
    if kind in WITHOUT_HEADER or header_type not in allowed:
        raise invalid("interactive['header']")
    if header_type == "text":
        _text("interactive['header']['text']", header.get("text"), MAX_SMALL)


_HEADERS = ("text", "image", "video", "document")


def _items(where: str, value: Any, limit: int) -> list[Json]:
    if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
        raise missing(where)
    if len(value) > limit:
        raise invalid(where, f"At most {limit}.")
    return value


def _unique(where: str, values: list[str]) -> None:
    if len(set(values)) != len(values):
        raise invalid(where, "Must be unique.")


def _buttons(action: Json) -> None:
    where = "interactive['action']['buttons']"
    replies = []
    for button in _items(where, action.get("buttons"), MAX_BUTTONS):
        if button.get("type") != "reply" or not isinstance(button.get("reply"), dict):
            raise invalid(where, "Buttons are of type reply.")
        replies.append(button["reply"])
    _unique(f"{where} id", [_text(f"{where} id", r.get("id"), 256) for r in replies])
    _unique(f"{where} title", [_text(f"{where} title", r.get("title"), 20) for r in replies])


def _list(action: Json) -> None:
    where = "interactive['action']['sections']"
    _text("interactive['action']['button']", action.get("button"), 20)
    sections = _items(where, action.get("sections"), MAX_SECTIONS)
    ids: list[str] = []
    for section in sections:
        if len(sections) > 1 or section.get("title"):
            _text(f"{where} title", section.get("title"), 24)
        for row in _items(f"{where} rows", section.get("rows"), MAX_ROWS):
            ids.append(_text(f"{where} row id", row.get("id"), 200))
            _text(f"{where} row title", row.get("title"), 24)
            if row.get("description"):
                _text(f"{where} row description", row["description"], 72)
    if len(ids) > MAX_ROWS:
        raise invalid(where, f"At most {MAX_ROWS} rows in all sections together.")
    _unique(f"{where} row id", ids)


def _link(action: Json) -> None:
    parameters = action.get("parameters")
    if action.get("name") != "cta_url" or not isinstance(parameters, dict):
        raise invalid("interactive['action']['name']")
    _text("interactive['action']['parameters']['display_text']", parameters.get("display_text"), 20)
    url = _text("interactive['action']['parameters']['url']", parameters.get("url"), 2000)
    if not url.startswith(("http://", "https://")):
        raise invalid("interactive['action']['parameters']['url']")


def _location_request(action: Json) -> None:
    if action.get("name") != "send_location":
        raise invalid("interactive['action']['name']")


_ACTIONS: dict[str, Callable[[Json], None]] = {
    "button": _buttons,
    "list": _list,
    "cta_url": _link,
    "location_request_message": _location_request,
}
