"""Call Meta's template endpoints. Raises what `config.lib.graph` raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from config.lib.graph import GraphClient, GraphResponse, OutcomeUnknown, segment

FIELDS: Final = (
    "id,name,language,category,status,components,parameter_format,sub_category,quality_score,"
    "rejected_reason,message_send_ttl_seconds,previous_category,correct_category"
)
PAGE_SIZE: Final = 100
# 6,000 templates are the most Meta allows an account.
MAX_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class MetaTemplate:
    """Hold a template as Meta returns it, in Meta's words and upper case."""

    id: str
    name: str
    language: str
    category: str
    status: str
    components: list[dict[str, Any]]
    parameter_format: str
    quality: str
    rejected_reason: str
    previous_category: str
    correct_category: str
    ttl_seconds: int | None
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Created:
    """Say what Meta made of a new template."""

    id: str
    status: str
    category: str


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """Hold a template to create. `ttl_seconds`: how long Meta tries to deliver a message."""

    name: str
    language: str
    category: str
    components: list[dict[str, Any]]
    parameter_format: str = "positional"
    ttl_seconds: int | None = None

    def as_body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": self.name,
            "language": self.language,
            "category": self.category.upper(),
            "parameter_format": self.parameter_format.lower(),
            "components": self.components,
        }
        if self.ttl_seconds is not None:
            body["message_send_ttl_seconds"] = self.ttl_seconds
        return body


async def list_templates(client: GraphClient, *, waba_id: str, token: str) -> list[MetaTemplate]:
    """List every template of an account, page by page."""
    found: list[MetaTemplate] = []
    query = {"fields": FIELDS, "limit": str(PAGE_SIZE)}
    for _ in range(MAX_PAGES):
        response = await client.request("GET", _templates_of(waba_id), token=token, params=query)
        page = _object(response)
        rows = page.get("data")
        found.extend(_template(row) for row in rows or () if isinstance(row, dict))
        after = _next_cursor(page)
        if not after:
            break
        query["after"] = after
    return found


async def get_template(client: GraphClient, *, template_id: str, token: str) -> MetaTemplate:
    """Read one template."""
    params = {"fields": FIELDS}
    response = await client.request("GET", _node(template_id), token=token, params=params)
    return _template(_object(response))


async def create_template(
    client: GraphClient, *, waba_id: str, token: str, template: NewTemplate
) -> Created:
    """Submit a template to Meta's review."""
    response = await client.request(
        "POST", _templates_of(waba_id), token=token, json=template.as_body()
    )
    answer = _object(response)
    if not answer.get("id"):
        raise OutcomeUnknown("The answer names no template id.", status=response.status)
    return Created(
        id=str(answer["id"]),
        status=_text(answer.get("status")) or "PENDING",
        category=_text(answer.get("category")) or template.category.upper(),
    )


async def edit_template(
    client: GraphClient,
    *,
    template_id: str,
    token: str,
    components: list[dict[str, Any]],
    category: str | None = None,
) -> None:
    """Replace a template's components; it goes back to review.

    Meta takes the category only while the template is not approved, and edits an approved
    template once in 24 hours and ten times in 30 days.
    """
    body: dict[str, Any] = {"components": components}
    if category:
        body["category"] = category.upper()
    await client.request("POST", _node(template_id), token=token, json=body)


async def delete_template(
    client: GraphClient, *, waba_id: str, token: str, name: str, template_id: str = ""
) -> None:
    """Delete one language of a template, or every language of the name without an id."""
    params = {"name": name}
    if template_id:
        params["hsm_id"] = template_id
    await client.request("DELETE", _templates_of(waba_id), token=token, params=params)


async def unpause_template(client: GraphClient, *, template_id: str, token: str) -> None:
    """Resume a template that Meta's pacing paused; other pauses end by themselves."""
    await client.request("POST", f"{_node(template_id)}/unpause", token=token, json={})


async def upload_sample(
    client: GraphClient, *, app_id: str, token: str, content: bytes, mime_type: str
) -> str:
    """Upload the sample of a media header and return its handle."""
    params = {"file_length": str(len(content)), "file_type": mime_type}
    session = await client.request(
        "POST", f"{_node(app_id)}/uploads", token=token, params=params, json={}
    )
    upload_id = _text(_object(session).get("id"))
    if not upload_id.startswith("upload:"):
        raise OutcomeUnknown("The answer names no upload.", status=session.status)
    uploaded = await client.request(
        "POST",
        "/" + quote(upload_id, safe=":=?&"),
        token=token,
        data=content,
        headers={"file_offset": "0", "Authorization": f"OAuth {token}"},
    )
    handle = _text(_object(uploaded).get("h"))
    if not handle:
        raise OutcomeUnknown("The answer names no handle.", status=uploaded.status)
    return handle


def _template(row: Mapping[str, Any]) -> MetaTemplate:
    quality = row.get("quality_score")
    components = row.get("components")
    ttl = row.get("message_send_ttl_seconds")
    return MetaTemplate(
        id=_text(row.get("id")),
        name=_text(row.get("name")),
        language=_text(row.get("language")),
        category=_text(row.get("category")).upper(),
        status=_text(row.get("status")).upper() or "UNKNOWN",
        components=[part for part in components if isinstance(part, dict)]
        if isinstance(components, list)
        else [],
        parameter_format=_text(row.get("parameter_format")).upper() or "POSITIONAL",
        quality=(_text(quality.get("score")) if isinstance(quality, dict) else "") or "UNKNOWN",
        rejected_reason=_reason(row.get("rejected_reason")),
        previous_category=_text(row.get("previous_category")).upper(),
        correct_category=_text(row.get("correct_category")).upper(),
        ttl_seconds=ttl if isinstance(ttl, int) and not isinstance(ttl, bool) else None,
        raw=row,
    )


def _reason(value: Any) -> str:
    reason = _text(value).upper()
    return "" if reason == "NONE" else reason


def _object(response: GraphResponse) -> dict[str, Any]:
    answer = response.json()
    if not isinstance(answer, dict):
        raise OutcomeUnknown("The answer is not a JSON object.", status=response.status)
    return answer


def _next_cursor(page: Mapping[str, Any]) -> str:
    paging = page.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return ""
    cursors = paging.get("cursors")
    return _text(cursors.get("after")) if isinstance(cursors, dict) else ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _templates_of(waba_id: str) -> str:
    return f"{_node(waba_id)}/message_templates"


def _node(value: str) -> str:
    return "/" + segment(value)
