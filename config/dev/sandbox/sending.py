"""POST /{version}/{phone_number_id}/messages: the way a message comes in."""

import asyncio

import orjson
from aiohttp import web

from config.dev.sandbox import content, template_sends
from config.dev.sandbox.accepted import Message, new_wamid
from config.dev.sandbox.addresses import BSUID, user_id_for, wa_id_for
from config.dev.sandbox.answers import ServerFault, drop, json_bytes
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.errors import Json, MetaError, invalid, missing
from config.dev.sandbox.rule import outcome_for
from config.dev.sandbox.world import Phone

SUCCESS = b'{"success":true}'


async def post_message(
    sandbox: Sandbox, request: web.BaseRequest, phone_number_id: str
) -> web.StreamResponse:
    """Check a message, accept it and answer; faults may interfere on either side."""
    raw = await request.read()
    phone = sandbox.world.get_phone(phone_number_id)
    payload = parse(raw)
    if payload.get("status") == "read":
        return json_bytes(_mark_read(payload))
    if not sandbox.faults.on_sends:
        return json_bytes(receive(sandbox, phone, payload, raw))
    key = str(payload.get("biz_opaque_callback_data") or payload.get("to"))
    key = sandbox.faults.next_try(key)
    await before_accepting(sandbox, request, key)
    answer = receive(sandbox, phone, payload, raw)
    await _after_accepting(sandbox, request, key)
    return json_bytes(answer)


def parse(raw: bytes) -> Json:
    """Return the JSON object of a request."""
    try:
        payload = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise MetaError(100, "The request body is not valid JSON.") from None
    if not isinstance(payload, dict):
        raise MetaError(100, "The request body must be a JSON object.")
    return payload


def _mark_read(payload: Json) -> bytes:
    if payload.get("messaging_product") != "whatsapp":
        raise MetaError(100, "The parameter messaging_product is required.")
    if not isinstance(payload.get("message_id"), str) or not payload["message_id"]:
        raise missing("message_id")
    typing = payload.get("typing_indicator")
    if typing is not None and (not isinstance(typing, dict) or typing.get("type") != "text"):
        raise invalid("typing_indicator['type']")
    return SUCCESS


def receive(sandbox: Sandbox, phone: Phone, payload: Json, raw: bytes) -> bytes:
    """Check and accept a message; return the body of the answer. Raises MetaError."""
    content.check_envelope(payload)
    message = Message(phone=phone, to=payload.get("to"), recipient=payload.get("recipient"))
    _address(phone, message)
    known = sandbox.customers.find(message.address) or sandbox.customers.find(message.user_id)
    if known is not None:
        message.user_id = known.user_id or message.user_id
    kind = str(payload.get("type", "text"))
    message.type = kind
    message.callback = payload.get("biz_opaque_callback_data")
    if kind == "template":
        _fit_template(sandbox, phone, message, payload)
    else:
        content.check(sandbox.world, kind, payload)
    message.outcome = outcome_for(message.address, category=message.category)
    if not sandbox.options.sink:
        key = (phone.id, message.address, message.callback)
        sandbox.limits.refuse_first(message.outcome, key)
    if sandbox.faults.on_sends:
        sandbox.limits.take(sandbox.faults, phone.id, message.address)
    if kind != "template":
        _check_window(sandbox, message)
    message.wamid = new_wamid(message.wa_id or message.user_id)
    message.body = raw if b"\n" not in raw else orjson.dumps(payload)
    sandbox.accept(message)
    return _answer(message)


def _address(phone: Phone, message: Message) -> None:
    """Find out whom the message is for; `to` wins over `recipient`."""
    if message.to:
        if not isinstance(message.to, str):
            raise invalid("to")
        message.wa_id = wa_id_for(message.to, sender_digits=phone.digits)
        message.user_id = user_id_for(message.wa_id, phone.portfolio_id)
        if message.wa_id == phone.digits:
            raise MetaError(131021, "The recipient is the sender.")
    elif message.recipient:
        if not isinstance(message.recipient, str) or not BSUID.fullmatch(message.recipient):
            raise invalid("recipient")
        message.user_id = message.recipient
    else:
        raise MetaError(100, "The parameter to is required.")


def _fit_template(sandbox: Sandbox, phone: Phone, message: Message, payload: Json) -> None:
    template = template_sends.find_template(sandbox.world.wabas[phone.waba_id], payload)
    template_sends.check(sandbox.world, template, payload["template"])
    message.template = template
    message.category = template.shape.category
    if message.category == "authentication" and not message.wa_id:
        raise MetaError(131062, "Authentication templates need a phone number.")


def _check_window(sandbox: Sandbox, message: Message) -> None:
    rule = sandbox.faults.window
    if sandbox.options.sink or rule == "off":
        return
    addresses = (message.wa_id, message.user_id)
    if not any(sandbox.customers.window_open(one, message.phone.id) for one in addresses):
        if rule == "sync":
            raise MetaError(131047)
        message.window_closed = True


def _answer(message: Message) -> bytes:
    contact: Json = {"input": message.to or message.recipient}
    if message.to:
        contact["wa_id"] = message.wa_id
    else:
        contact["user_id"] = message.user_id
    sent: Json = {"id": message.wamid}
    if message.template is not None:
        held = message.outcome.held
        sent["message_status"] = "held_for_quality_assessment" if held else "accepted"
    answer = {"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]}
    return orjson.dumps(answer)


async def before_accepting(sandbox: Sandbox, request: web.BaseRequest, key: str) -> None:
    """Do the harm that leaves the message outside."""
    faults = sandbox.faults
    latency = faults.latency_ms + faults.jitter_ms * faults.draw("jitter_ms", key)
    if latency:
        await asyncio.sleep(latency / 1000)
    if faults.strikes("throttle", key):
        raise MetaError(faults.throttle_code)
    if faults.strikes("http_5xx_before", key):
        raise ServerFault(meta_body=faults.http_5xx_meta_body)
    if faults.strikes("drop_connection_before", key):
        drop(request)
    if faults.strikes("timeout_before_accept", key):
        await asyncio.sleep(faults.stall_seconds)
        drop(request)


async def _after_accepting(sandbox: Sandbox, request: web.BaseRequest, key: str) -> None:
    """Do the harm that hides that the message is inside."""
    faults = sandbox.faults
    if faults.strikes("http_5xx_after", key):
        raise ServerFault(meta_body=faults.http_5xx_meta_body)
    if faults.strikes("drop_connection_after", key):
        drop(request)
    if faults.strikes("timeout_after_accept", key):
        await asyncio.sleep(faults.stall_seconds)
        drop(request)
