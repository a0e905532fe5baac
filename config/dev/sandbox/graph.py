"""Reads and settings of phone numbers and accounts."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from config.dev.sandbox import files, paging, templates
from config.dev.sandbox.answers import json_answer
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.errors import Json, MetaError, unknown_object
from config.dev.sandbox.sending import parse
from config.dev.sandbox.world import Phone

PHONE_DEFAULTS = ("verified_name", "display_phone_number", "quality_rating", "id")
PHONE_LIST_DEFAULTS = (*PHONE_DEFAULTS, "code_verification_status", "platform_type", "throughput")
WABA_DEFAULTS = ("id", "name", "currency", "timezone_id", "message_template_namespace")
PROFILE_FIELDS = ("about", "address", "description", "email", "websites", "vertical")


def pick(fields: Json, wanted: Iterable[str]) -> Json:
    """Return the fields asked for that exist; the id is always there."""
    names = [name.split(".")[0].strip() for name in wanted]
    return {name: fields[name] for name in (*names, "id") if name in fields}


def wanted_fields(request: web.BaseRequest, defaults: tuple[str, ...]) -> list[str]:
    """Return the names in `fields`, or the defaults."""
    text = request.query.get("fields", "")
    return text.split(",") if text else list(defaults)


async def get_node(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Show the phone number, account, template or file with this id."""
    world = sandbox.world
    if node in world.phones:
        fields = world.phones[node].fields
        return json_answer(pick(fields, wanted_fields(request, PHONE_DEFAULTS)))
    if node in world.wabas:
        fields = world.wabas[node].fields
        return json_answer(pick(fields, wanted_fields(request, WABA_DEFAULTS)))
    if node in world.templates:
        return json_answer(templates.shown(request, world.templates[node]))
    if node in world.media:
        return await files.get_media(sandbox, request, node)
    raise unknown_object(node, "get")


async def post_node(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Change a template, or settings of a number or account; send bytes to an upload."""
    if node.startswith("upload:"):
        return await files.receive_upload(sandbox, request, node)
    if node in sandbox.world.templates:
        return await templates.edit(sandbox, request, sandbox.world.templates[node])
    if node not in sandbox.world.phones and node not in sandbox.world.wabas:
        raise unknown_object(node)
    return json_answer({"success": True})


async def delete_node(sandbox: Sandbox, _request: web.BaseRequest, node: str) -> web.Response:
    """Delete the file with this id."""
    if sandbox.world.media.pop(node, None) is None:
        raise unknown_object(node, "delete")
    return json_answer({"success": True})


async def list_phones(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """List the phone numbers of an account."""
    wanted = wanted_fields(request, PHONE_LIST_DEFAULTS)
    phones = [pick(phone.fields, wanted) for phone in sandbox.world.get_waba(node).phones]
    return json_answer(paging.page(request, phones))


async def subscribed_apps(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Show, begin or end the subscription of our app to an account."""
    waba = sandbox.world.get_waba(node, request.method.lower())
    if request.method == "GET":
        app = {"link": "https://www.facebook.com/games/?app_id=1", "name": "Switchboard", "id": "1"}
        apps = [{"whatsapp_business_api_data": app}] if waba.subscribed else []
        return json_answer({"data": apps})
    waba.subscribed = request.method == "POST"
    return json_answer({"success": True})


async def get_profile(sandbox: Sandbox, _request: web.BaseRequest, node: str) -> web.Response:
    """Show the business profile of a number."""
    phone = sandbox.world.get_phone(node, "get")
    return json_answer({"data": [{"messaging_product": "whatsapp", **_profile(phone)}]})


async def post_profile(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Change the business profile of a number."""
    phone = sandbox.world.get_phone(node)
    given = parse(await request.read())
    _profile(phone).update({k: v for k, v in given.items() if k in PROFILE_FIELDS})
    return json_answer({"success": True})


def _profile(phone: Phone) -> dict[str, Any]:
    profile = phone.fields.setdefault("profile", {"about": "Hello", "vertical": "RETAIL"})
    if not isinstance(profile, dict):
        raise MetaError(1)
    return profile


async def register(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Connect or disconnect a number."""
    phone = sandbox.world.get_phone(node)
    connected = not request.path.endswith("/deregister")
    phone.fields["status"] = "CONNECTED" if connected else "DISCONNECTED"
    return json_answer({"success": True})


EDGES: dict[tuple[str, str], Callable[..., Awaitable[web.StreamResponse]]] = {
    ("GET", ""): get_node,
    ("POST", ""): post_node,
    ("DELETE", ""): delete_node,
    ("GET", "phone_numbers"): list_phones,
    ("GET", "subscribed_apps"): subscribed_apps,
    ("POST", "subscribed_apps"): subscribed_apps,
    ("DELETE", "subscribed_apps"): subscribed_apps,
    ("GET", "whatsapp_business_profile"): get_profile,
    ("POST", "whatsapp_business_profile"): post_profile,
    ("POST", "register"): register,
    ("POST", "deregister"): register,
}
