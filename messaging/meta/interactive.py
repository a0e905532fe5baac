"""Check interactive content against Meta's limits.

Limits: Meta's interactive pages, November 2025 to September 2026; where they contradict the
OpenAPI file (list body: 4096 or 1024) the page is newer and wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from messaging.meta.report import Report

MAX_BODY: Final = 1024
MAX_LIST_BODY: Final = 4096
MAX_HEADER: Final = 60
MAX_FOOTER: Final = 60
MAX_ROWS: Final = 10
MAX_PRODUCTS: Final = 30
MEDIA_HEADERS: Final = ("text", "image", "video", "document")

Object = Mapping[str, Any]


def check_interactive(report: Report, content: Object) -> None:
    """Add what is wrong with an `interactive` object."""
    kind = content.get("type")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        names = ", ".join(_CHECKS)
        report.add("interactive.type", "unknown_type", f"The types are: {names}.")
        return
    _frame(report, content, str(kind))
    action = report.object("interactive.action", content.get("action"))
    if action is not None:
        check(report, content, action)


def _frame(report: Report, content: Object, kind: str) -> None:
    """Check header, body and footer, by what the type allows."""
    longest = MAX_LIST_BODY if kind == "list" else MAX_BODY
    body = report.object("interactive.body", content.get("body"), required=kind not in _BODILESS)
    if body is not None:
        report.text("interactive.body.text", body.get("text"), longest)
    _header(report, content.get("header"), _HEADERS.get(kind, MEDIA_HEADERS))
    if kind == "product_list" and not content.get("header"):
        report.add("interactive.header", "required", "A product list needs a text header.")
    footer = content.get("footer")
    if footer is None:
        return
    if kind in _FOOTERLESS:
        report.add("interactive.footer", "not_allowed", "This type has no footer.")
        return
    found = report.object("interactive.footer", footer)
    if found is not None:
        report.text("interactive.footer.text", found.get("text"), MAX_FOOTER)


def _header(report: Report, header: Any, allowed: tuple[str, ...]) -> None:
    if header is None:
        return
    path = "interactive.header"
    if not allowed:
        report.add(path, "not_allowed", "This type has no header.")
        return
    found = report.object(path, header)
    if found is None:
        return
    kind = found.get("type")
    if kind not in allowed:
        report.add(f"{path}.type", "not_allowed", f"The header may be: {', '.join(allowed)}.")
    elif kind == "text":
        report.text(f"{path}.text", found.get("text"), MAX_HEADER)
    else:
        _one_source(report, f"{path}.{kind}", found.get(str(kind)))


def _one_source(report: Report, path: str, value: Any) -> None:
    media = report.object(path, value)
    if media is not None and bool(media.get("id")) == bool(media.get("link")):
        report.add(path, "id_or_link", "Give either `id` or `link`.")


def _button(report: Report, _content: Object, action: Object) -> None:
    _reply_buttons(report, "interactive.action.buttons", action.get("buttons"), 3)


def _reply_buttons(report: Report, path: str, rows: Any, most: int) -> None:
    ids: list[str] = []
    titles: list[str] = []
    for at, button in report.rows(path, rows, 1, most):
        if button.get("type") not in (None, "reply", "quick_reply"):
            report.add(f"{at}.type", "not_allowed", "The button must be a reply.")
        key = "quick_reply" if "quick_reply" in button else "reply"
        reply = report.object(f"{at}.{key}", button.get(key))
        if reply is not None:
            ids.append(report.text(f"{at}.{key}.id", reply.get("id"), 256))
            titles.append(report.text(f"{at}.{key}.title", reply.get("title"), 20))
    report.unique(path, ids, "id")
    report.unique(path, titles, "title")


def _list(report: Report, _content: Object, action: Object) -> None:
    report.text("interactive.action.button", action.get("button"), 20)
    sections = list(report.rows("interactive.action.sections", action.get("sections"), 1, 10))
    ids: list[str] = []
    for path, section in sections:
        report.text(f"{path}.title", section.get("title"), 24, required=len(sections) > 1)
        for at, row in report.rows(f"{path}.rows", section.get("rows"), 1, MAX_ROWS):
            ids.append(report.text(f"{at}.id", row.get("id"), 200))
            report.text(f"{at}.title", row.get("title"), 24)
            report.text(f"{at}.description", row.get("description"), 72, required=False)
    if len(ids) > MAX_ROWS:
        detail = f"{len(ids)} rows in all; Meta allows {MAX_ROWS}."
        report.add("interactive.action.sections", "count", detail)
    report.unique("interactive.action.sections", ids, "row id")


def _cta_url(report: Report, _content: Object, action: Object) -> None:
    _named(report, action, "cta_url")
    _url_parameters(report, "interactive.action.parameters", action.get("parameters"))


def _url_parameters(report: Report, path: str, value: Any) -> None:
    parameters = report.object(path, value)
    if parameters is not None:
        report.text(f"{path}.display_text", parameters.get("display_text"), 20)
        report.url(f"{path}.url", parameters.get("url"))


def _location_request(report: Report, _content: Object, action: Object) -> None:
    _named(report, action, "send_location")


def _flow(report: Report, _content: Object, action: Object) -> None:
    _named(report, action, "flow")
    path = "interactive.action.parameters"
    parameters = report.object(path, action.get("parameters"))
    if parameters is None:
        return
    report.text(f"{path}.flow_cta", parameters.get("flow_cta"), 30)
    if bool(parameters.get("flow_id")) == bool(parameters.get("flow_name")):
        report.add(path, "id_or_name", "Give either `flow_id` or `flow_name`.")
    if parameters.get("mode") not in (None, "draft", "published"):
        report.add(f"{path}.mode", "choice", "The mode is draft or published.")
    if parameters.get("flow_action") not in (None, "navigate", "data_exchange"):
        report.add(f"{path}.flow_action", "choice", "The action is navigate or data_exchange.")


def _product(report: Report, _content: Object, action: Object) -> None:
    report.text("interactive.action.catalog_id", action.get("catalog_id"), 255)
    retailer_id = action.get("product_retailer_id")
    report.text("interactive.action.product_retailer_id", retailer_id, 255)


def _product_list(report: Report, _content: Object, action: Object) -> None:
    report.text("interactive.action.catalog_id", action.get("catalog_id"), 255)
    sections = list(report.rows("interactive.action.sections", action.get("sections"), 1, 10))
    products = 0
    for path, section in sections:
        report.text(f"{path}.title", section.get("title"), 24, required=len(sections) > 1)
        items = section.get("product_items")
        for at, item in report.rows(f"{path}.product_items", items, 1, MAX_PRODUCTS):
            products += 1
            report.text(f"{at}.product_retailer_id", item.get("product_retailer_id"), 255)
    if products > MAX_PRODUCTS:
        detail = f"{products} products in all; Meta allows {MAX_PRODUCTS}."
        report.add("interactive.action.sections", "count", detail)


def _catalog(report: Report, _content: Object, action: Object) -> None:
    _named(report, action, "catalog_message")


def _carousel(report: Report, _content: Object, action: Object) -> None:
    for path, card in report.rows("interactive.action.cards", action.get("cards"), 2, 10):
        if card.get("type") == "product":
            continue
        body = report.object(f"{path}.body", card.get("body"), required=False)
        if body is not None:
            _card_body(report, f"{path}.body.text", body.get("text"))
        inner = report.object(f"{path}.action", card.get("action"))
        if inner is not None:
            _card_action(report, f"{path}.action", inner)


def _card_body(report: Report, path: str, value: Any) -> None:
    text = report.text(path, value, 160, required=False)
    if text.count("\n") > 2:
        report.add(path, "line_breaks", "At most two line breaks.")


def _card_action(report: Report, path: str, action: Object) -> None:
    if action.get("name") == "cta_url":
        _url_parameters(report, f"{path}.parameters", action.get("parameters"))
    elif "buttons" in action:
        _reply_buttons(report, f"{path}.buttons", action.get("buttons"), 3)


def _anything(_report: Report, _content: Object, _action: Object) -> None:
    """Leave to Meta what is only open to some countries or accounts."""


def _named(report: Report, action: Object, name: str) -> None:
    if action.get("name") != name:
        report.add("interactive.action.name", "choice", f"The name must be {name}.")


_BODILESS: Final = frozenset({"product"})
_FOOTERLESS: Final = frozenset({"location_request_message", "carousel"})
_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "list": ("text",),
    "product": (),
    "product_list": ("text",),
    "location_request_message": (),
    "carousel": (),
}
_CHECKS: Final[dict[str, Callable[[Report, Object, Object], None]]] = {
    "button": _button,
    "list": _list,
    "cta_url": _cta_url,
    "location_request_message": _location_request,
    "flow": _flow,
    "product": _product,
    "product_list": _product_list,
    "catalog_message": _catalog,
    "carousel": _carousel,
    "address_message": _anything,
    "order_details": _anything,
    "order_status": _anything,
    "call_permission_request": _anything,
    "voice_call": _anything,
    "request_contact_info": _anything,
}
