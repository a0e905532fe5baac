"""The paths under /_sandbox/: look inside, cause faults, write as a customer."""

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from config.dev.sandbox import notices, page
from config.dev.sandbox.addresses import BSUID, user_id_for, wa_id_for
from config.dev.sandbox.answers import json_answer
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.customers import Customer
from config.dev.sandbox.errors import Json, MetaError
from config.dev.sandbox.faults import Faults
from config.dev.sandbox.outbox import serialise
from config.dev.sandbox.world import Phone

Handler = Callable[[Sandbox, web.BaseRequest], Awaitable[web.StreamResponse]]
MAX_PAGE = 10_000


class Mistake(Exception):
    """A request to the sandbox itself that cannot be understood."""


async def route(sandbox: Sandbox, request: web.BaseRequest, path: str) -> web.StreamResponse:
    """Answer a request that is not for the Graph API."""
    handler = ROUTES.get((request.method, path))
    if handler is None:
        return json_answer({"detail": f"no such path: {request.method} {path}"}, 404)
    try:
        return await handler(sandbox, request)
    except (Mistake, MetaError) as error:
        return json_answer({"detail": str(error)}, 400)


async def _object(request: web.BaseRequest) -> Json:
    try:
        value = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise Mistake("the body is not JSON") from None
    if not isinstance(value, dict):
        raise Mistake("a JSON object is expected")
    return value


def _number(request: web.BaseRequest, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise Mistake(f"{name} must be a number")
    return int(text)


async def get_messages(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """List what was accepted, in order: `since`, `limit`, `count=1`, `format=jsonl`."""
    accepted = sandbox.accepted
    if request.query.get("count"):
        return json_answer({"count": len(accepted)})
    since = _number(request, "since", 0)
    if request.query.get("format") == "jsonl":
        return await _stream(sandbox, request, since)
    rows = accepted.since(since, min(_number(request, "limit", 1000), MAX_PAGE))
    last = rows[-1].seq if rows else since
    page = {"messages": [row.as_json() for row in rows], "next": last, "total": len(accepted)}
    return json_answer(page)


async def _stream(sandbox: Sandbox, request: web.BaseRequest, since: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
    await response.prepare(request)
    limit = _number(request, "limit", 10**9)
    for rows in sandbox.accepted.pages(since, limit):
        lines = (orjson.dumps(row.as_json(), option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        await response.write(b"".join(lines))
    await response.write_eof()
    return response


async def delete_messages(sandbox: Sandbox, _request: web.BaseRequest) -> web.StreamResponse:
    """Forget accepted messages, customers and used limits; numbering goes on."""
    sandbox.accepted.reset()
    sandbox.customers.reset()
    sandbox.limits.reset()
    return json_answer({"success": True})


async def get_faults(sandbox: Sandbox, _request: web.BaseRequest) -> web.StreamResponse:
    """Show the faults in force."""
    return json_answer(sandbox.faults.as_json())


async def post_faults(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """Change the fields given; the others stay."""
    try:
        sandbox.faults.change(await _object(request))
    except ValueError as error:
        raise Mistake(str(error)) from error
    return await get_faults(sandbox, request)


async def delete_faults(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """Clear all faults."""
    sandbox.faults.change(Faults().as_json())
    return await get_faults(sandbox, request)


async def get_webhooks(sandbox: Sandbox, _request: web.BaseRequest) -> web.StreamResponse:
    """Show how webhooks are getting on; `idle` when nothing more is to come."""
    return json_answer({**sandbox.outbox.stats(), "idle": sandbox.idle})


async def post_webhook(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """Post anything as a signed webhook: a whole body, or `{waba_id, field, value}`."""
    given = await _object(request)
    if "object" in given:
        return json_answer({"answer": await sandbox.outbox.send_bytes(serialise(given))})
    waba_id = str(given.get("waba_id") or next(iter(sandbox.world.wabas)))
    if not isinstance(given.get("field"), str) or not isinstance(given.get("value"), dict):
        raise Mistake("field and value are required")
    change: Json = {"value": given["value"], "field": given["field"]}
    return json_answer({"answer": await sandbox.outbox.send(waba_id, [change])})


async def post_inbound(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """Let a customer write to a number; the answer has the id of the message."""
    given = await _object(request)
    phone = sandbox.world.get_phone(str(given.get("phone_number_id") or _first(sandbox)))
    customer = _customer(sandbox, phone, given)
    if given.get("type") == "user_preferences":
        choice = str(given.get("value", "stop"))
        sandbox.tell(notices.marketing_preference(phone, customer, choice))
        return json_answer({"success": True})
    wamid = sandbox.write(phone, customer, _content(given))
    return json_answer({"id": wamid, "wa_id": customer.wa_id, "user_id": customer.user_id})


def _first(sandbox: Sandbox) -> str:
    return next(iter(sandbox.world.phones))


def _customer(sandbox: Sandbox, phone: Phone, given: Json) -> Customer:
    number, user_id = given.get("from"), given.get("from_user_id")
    name = str(given.get("name") or "")
    if not number and not user_id:
        raise Mistake("from or from_user_id is required")
    if user_id and not BSUID.fullmatch(str(user_id)):
        raise Mistake("from_user_id is not a user id")
    wa_id = wa_id_for(str(number), sender_digits=phone.digits) if number else ""
    known = str(user_id or user_id_for(wa_id, phone.portfolio_id))
    return sandbox.customers.meet(wa_id=wa_id, user_id=known, name=name)


def _content(given: Json) -> Json:
    """Return the message object: `message` as given, or one of the short forms."""
    if isinstance(given.get("message"), dict):
        return dict(given["message"])
    kind = str(given.get("type") or "text")
    content: Json = {"type": kind}
    value = given.get(kind)
    if kind == "text":
        value = value if isinstance(value, dict) else {"body": str(value or "")}
    if value is None:
        raise Mistake(f"{kind} or message is required")
    content[kind] = value
    if isinstance(given.get("context"), dict):
        content["context"] = given["context"]
    return content


async def post_reset(sandbox: Sandbox, _request: web.BaseRequest) -> web.StreamResponse:
    """Go back to the seed."""
    sandbox.reset()
    return json_answer({"success": True})


async def post_verify(sandbox: Sandbox, _request: web.BaseRequest) -> web.StreamResponse:
    """Do Meta's handshake with our callback."""
    return json_answer(await sandbox.outbox.verify(sandbox.options.verify_token))


async def get_health(_sandbox: Sandbox, _request: web.BaseRequest) -> web.StreamResponse:
    """Say that the sandbox is up."""
    return json_answer({"status": "ok"})


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/_sandbox/health"): get_health,
    ("GET", "/_sandbox/messages"): get_messages,
    ("DELETE", "/_sandbox/messages"): delete_messages,
    ("GET", "/_sandbox/faults"): get_faults,
    ("POST", "/_sandbox/faults"): post_faults,
    ("DELETE", "/_sandbox/faults"): delete_faults,
    ("GET", "/_sandbox/webhooks"): get_webhooks,
    ("POST", "/_sandbox/webhook"): post_webhook,
    ("POST", "/_sandbox/inbound"): post_inbound,
    ("POST", "/_sandbox/reset"): post_reset,
    ("POST", "/_sandbox/verify"): post_verify,
    **page.ROUTES,
}
