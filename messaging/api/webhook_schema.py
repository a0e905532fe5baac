"""The webhook in the API document: it is answered before Django, so no view describes it."""

from __future__ import annotations

from typing import Any, Final

PATH: Final = "/api/whatsapp/delivery/webhook"


def _error(description: str) -> dict[str, Any]:
    body = {"$ref": "#/components/schemas/ErrorBody"}
    return {"description": description, "content": {"application/json": {"schema": body}}}


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": True, "schema": {"type": "string"}}


_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_OPERATIONS: Final[dict[str, Any]] = {
    "get": {
        "operationId": "webhook_handshake",
        "description": "Meta's handshake: returns the challenge to who knows the verify token.",
        "tags": ["whatsapp"],
        "security": [{}],
        "parameters": [
            _query("hub.mode"),
            _query("hub.verify_token"),
            _query("hub.challenge"),
        ],
        "responses": {
            "200": {"description": "The challenge.", "content": _TEXT},
            "403": _error("The verify token does not match."),
        },
    },
    "post": {
        "operationId": "webhook_events",
        "description": "Meta's events. 200 only after they are durable; a signed body that is "
        "not JSON is kept as a dead letter.",
        "tags": ["whatsapp"],
        "security": [{}],
        "parameters": [
            {
                "name": "X-Hub-Signature-256",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        "responses": {
            "200": {"description": "Stored.", "content": _TEXT},
            "400": _error("The body is shorter than announced."),
            "403": _error("The signature is missing or does not match."),
            "413": _error("The body is larger than 3 MB."),
            "503": _error("It could not be stored now; Meta sends it again."),
        },
    },
}


def add_webhook(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the webhook's operations."""
    result["paths"] = dict(sorted({**result["paths"], PATH: _OPERATIONS}.items()))
    return result
