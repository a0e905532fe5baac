"""The page at `/`: a phone for every customer, and the data it draws."""

from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path

from aiohttp import web

from config.dev.sandbox.answers import json_answer
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.render import bubble, summary

STATIC = Path(__file__).with_name("static")
FILES = {
    "/": ("index.html", "text/html"),
    "/_sandbox/page.css": ("page.css", "text/css"),
    "/_sandbox/page.js": ("page.js", "text/javascript"),
    "/_sandbox/bubbles.js": ("bubbles.js", "text/javascript"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
PAGE = 50
CHAT = 100
PICTURES = ("image/jpeg", "image/png", "image/webp")


def static(path: str) -> web.Response:
    """Answer with a file of the page."""
    name, content_type = FILES[path]
    text = (STATIC / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=content_type, headers=HEADERS)


def _number(request: web.BaseRequest, name: str) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isdigit() else 0


async def list_customers(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """List customers, most recently active first: `search`, `before`."""
    version = sandbox.customers.version
    if _number(request, "version") == version and "version" in request.query:
        return json_answer({"version": version})
    found = sandbox.customers.newest_first(
        request.query.get("search", ""), _number(request, "before")
    )
    rows = list(islice(found, PAGE + 1))
    answer = {
        "version": version,
        "total": len(sandbox.customers),
        "customers": [summary(customer) for customer in rows[:PAGE]],
        "more": len(rows) > PAGE,
        "sink": sandbox.options.sink,
    }
    return json_answer(answer)


async def get_chat(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """Return the end of one customer's chat; `items` says how long an end."""
    version = sandbox.customers.version
    if _number(request, "version") == version and "version" in request.query:
        return json_answer({"version": version})
    customer = sandbox.customers.find(request.query.get("key", ""))
    if customer is None:
        return json_answer({"version": version, "items": [], "more": False})
    wanted = max(CHAT, min(_number(request, "items"), 5000))
    return json_answer(
        {
            "version": version,
            "customer": summary(customer),
            "items": [bubble(item) for item in customer.items[-wanted:]],
            "more": len(customer.items) > wanted,
        }
    )


async def list_senders(sandbox: Sandbox, _request: web.BaseRequest) -> web.StreamResponse:
    """List the numbers a customer can write to."""
    return json_answer(
        {
            "senders": [
                {
                    "id": phone.id,
                    "name": phone.fields.get("verified_name"),
                    "number": phone.fields.get("display_phone_number"),
                }
                for phone in sandbox.world.phones.values()
            ]
        }
    )


async def get_picture(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """Show a picture to the page, which has no token."""
    media = sandbox.world.media.get(request.query.get("id", ""))
    if media is None or media.mime_type not in PICTURES:
        return web.Response(status=404)
    return web.Response(body=media.data, content_type=media.mime_type, headers=HEADERS)


ROUTES: dict[tuple[str, str], Callable[..., Awaitable[web.StreamResponse]]] = {
    ("GET", "/_sandbox/customers"): list_customers,
    ("GET", "/_sandbox/chat"): get_chat,
    ("GET", "/_sandbox/senders"): list_senders,
    ("GET", "/_sandbox/picture"): get_picture,
}
