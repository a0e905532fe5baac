"""Templates: list, create, edit, delete; a review follows and is told by webhook."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from config.dev.sandbox import notices, paging, template_rules
from config.dev.sandbox.answers import json_answer
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.errors import Json, MetaError
from config.dev.sandbox.sending import parse
from config.dev.sandbox.world import Template

DEFAULTS = (
    "name",
    "parameter_format",
    "components",
    "language",
    "status",
    "category",
    "sub_category",
    "id",
)
FILTERS = ("name", "status", "category", "language")
EDITABLE = ("APPROVED", "REJECTED", "PAUSED")


def shown(request: web.BaseRequest, template: Template) -> Json:
    """Return the template with the fields asked for."""
    text = request.query.get("fields", "")
    wanted = [name.strip() for name in text.split(",")] if text else DEFAULTS
    everything = {"rejected_reason": "NONE", **template.as_json()}
    return {name: everything[name] for name in dict.fromkeys((*wanted, "id")) if name in everything}


async def list_templates(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """List the templates of an account."""
    waba = sandbox.world.get_waba(node)
    asked = {name: request.query[name] for name in FILTERS if name in request.query}
    found = [
        shown(request, template)
        for template in waba.templates.values()
        if all(_matches(template, name, value) for name, value in asked.items())
    ]
    return json_answer(paging.page(request, found))


def _matches(template: Template, name: str, value: str) -> bool:
    actual = str(getattr(template, name))
    return value in actual if name == "name" else value.casefold() == actual.casefold()


async def create(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Create a template; it is pending until the review is over."""
    waba = sandbox.world.get_waba(node, "post")
    spec = parse(await request.read())
    template_rules.check(spec)
    if (spec["name"], spec["language"]) in waba.templates:
        details = "There is already content in this language for this template."
        raise MetaError(100, details, subcode=2388024)
    template_rules.as_stored(spec)
    spec.pop("allow_category_change", None)
    template = sandbox.world.add_template(waba, {**spec, "status": "PENDING", "id": None})
    _review_later(sandbox, template)
    return json_answer(
        {"id": template.id, "status": template.status, "category": template.category}
    )


def _review_later(sandbox: Sandbox, template: Template) -> None:
    def review() -> None:
        if template.id not in sandbox.world.templates:
            return
        faults = sandbox.faults
        key = f"{template.name}:{template.language}"
        if faults.strikes("template_rejection", key):
            template.status = "REJECTED"
            template.extra["rejected_reason"] = faults.template_rejection_reason
        else:
            template.status = "APPROVED"
            template.extra["rejected_reason"] = "NONE"
        reason = str(template.extra["rejected_reason"])
        sandbox.tell(notices.template_status(template, template.status, reason))

    sandbox.wheel.after(sandbox.options.review_ms / 1000, review)


async def edit(sandbox: Sandbox, request: web.BaseRequest, template: Template) -> web.Response:
    """Change a template; it is reviewed again."""
    change = parse(await request.read())
    if template.status not in EDITABLE:
        details = f"A template that is {template.status} cannot be edited."
        raise MetaError(100, details, subcode=2388039)
    category = str(change.get("category", template.category)).upper()
    if category != template.category and template.status == "APPROVED":
        details = "The category of an approved template cannot be changed."
        raise MetaError(100, details, subcode=2388039)
    spec = {**template.as_json(), **change, "name": template.name, "language": template.language}
    if "components" in change:
        template_rules.check(spec)
        template_rules.as_stored(spec)
    template.category = str(spec["category"]).upper()
    template.replace_components(spec["components"])
    for name in ("message_send_ttl_seconds", "cta_url_link_tracking_opted_out"):
        if name in change:
            template.extra[name] = change[name]
    if "components" in change or "category" in change:
        template.status = "PENDING"
        _review_later(sandbox, template)
    return json_answer({"success": True})


async def unpause(sandbox: Sandbox, _request: web.BaseRequest, node: str) -> web.Response:
    """Take a pause back."""
    template = sandbox.world.templates.get(node)
    if template is None or template.status != "PAUSED":
        raise MetaError(100, "The template is not paused.", subcode=2388039)
    template.status = "APPROVED"
    sandbox.tell(notices.template_status(template, "APPROVED"))
    return json_answer({"success": True})


async def delete(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Delete every language of a name, or the one template with `hsm_id`."""
    waba = sandbox.world.get_waba(node, "delete")
    name, template_id = request.query.get("name"), request.query.get("hsm_id")
    ids = [part.strip(' []"') for part in request.query.get("hsm_ids", "").split(",") if part]
    doomed = [
        template
        for template in waba.templates.values()
        if (template.id == template_id if template_id else template.name == name)
        or template.id in ids
    ]
    if not doomed:
        raise MetaError(100, "The message template was not found.", subcode=2593002)
    for template in doomed:
        sandbox.world.remove_template(template)
        sandbox.tell(notices.template_status(template, "PENDING_DELETION", None))
    return json_answer({"success": True})


EDGES: dict[tuple[str, str], Callable[..., Awaitable[web.StreamResponse]]] = {
    ("GET", "message_templates"): list_templates,
    ("POST", "message_templates"): create,
    ("DELETE", "message_templates"): delete,
    ("POST", "unpause"): unpause,
}
