"""Call the endpoints of Meta's that messaging needs. Raises only `messaging.meta.errors`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from config.lib import graph
from messaging.meta import errors

PAGE_SIZE: Final = 100
MAX_PAGES: Final = 50
NUMBER_FIELDS: Final = (
    "id,display_phone_number,verified_name,quality_rating,status,throughput,"
    "whatsapp_business_manager_messaging_limit,name_status,code_verification_status,"
    "account_mode,platform_type,is_official_business_account,is_on_biz_app"
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Say that Meta took a message; not yet that it was sent.

    `wa_id` is digits without "+" and absent for sends by BSUID; `user_id` is the BSUID.
    `message_status`: accepted, held_for_quality_assessment, paused, or empty.
    """

    wamid: str
    wa_id: str = ""
    user_id: str = ""
    message_status: str = ""


@dataclass(frozen=True, slots=True)
class MediaFile:
    """Describe a file at Meta. `url` is good for five minutes and needs the token."""

    id: str
    url: str
    mime_type: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """Describe a phone number of a WhatsApp account, in Meta's words."""

    id: str
    display_phone_number: str
    verified_name: str
    quality_rating: str
    status: str
    throughput_level: str
    messaging_limit: str
    name_status: str
    code_verification_status: str
    account_mode: str
    platform_type: str
    raw: Mapping[str, Any]


class MetaClient:
    """Speak to Meta on one `GraphClient`. The token comes with each call."""

    def __init__(self, client: graph.GraphClient) -> None:
        self._graph = client

    async def send(
        self, phone_number_id: str, token: str, body: bytes | Mapping[str, Any]
    ) -> Accepted:
        """Send one message. An answer without a message id leaves the outcome unknown."""
        with _named_errors():
            response = await self._graph.request(
                "POST", f"/{graph.segment(phone_number_id)}/messages", token=token, json=body
            )
            return _accepted(response)

    async def mark_read(
        self, phone_number_id: str, token: str, wamid: str, *, typing: bool = False
    ) -> None:
        """Mark a message and all before it as read; show typing dots when asked to."""
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": wamid,
        }
        if typing:
            body["typing_indicator"] = {"type": "text"}
        await self._call("POST", f"/{graph.segment(phone_number_id)}/messages", token, json=body)

    async def upload_media(
        self, phone_number_id: str, token: str, *, content: bytes, mime_type: str, filename: str
    ) -> str:
        """Upload a file and return its media id, which lives 30 days."""
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", mime_type)
        form.add_field("file", content, content_type=mime_type, filename=filename)
        with _named_errors():
            response = await self._graph.request(
                "POST",
                f"/{graph.segment(phone_number_id)}/media",
                token=token,
                data=form,
                timeouts=graph.TRANSFER_TIMEOUTS,
            )
            media_id = _object(response).get("id")
            if not media_id:
                raise graph.OutcomeUnknown("The answer names no media id.")
            return str(media_id)

    async def get_media(
        self, media_id: str, token: str, *, phone_number_id: str | None = None
    ) -> MediaFile:
        """Ask where a file is. With `phone_number_id` it must belong to that number."""
        params = {"phone_number_id": phone_number_id} if phone_number_id else None
        found = await self._call("GET", f"/{graph.segment(media_id)}", token, params=params)
        return MediaFile(
            id=_text(found.get("id")) or media_id,
            url=_text(found.get("url")),
            mime_type=_text(found.get("mime_type")),
            sha256=_text(found.get("sha256")),
            size_bytes=_size(found.get("file_size")),
        )

    async def download_media(self, url: str, token: str, *, max_bytes: int) -> AsyncIterator[bytes]:
        """Yield the file's bytes. Also raises `graph.TooLarge` and `graph.UntrustedHost`."""
        with _named_errors():
            async for chunk in self._graph.download(url, token=token, max_bytes=max_bytes):
                yield chunk

    async def delete_media(self, media_id: str, token: str) -> None:
        """Delete an uploaded file at Meta."""
        await self._call("DELETE", f"/{graph.segment(media_id)}", token)

    async def list_phone_numbers(self, waba_id: str, token: str) -> list[PhoneNumber]:
        """List every number of a WhatsApp account."""
        path = f"/{graph.segment(waba_id)}/phone_numbers"
        rows = await self._pages(path, token, {"fields": NUMBER_FIELDS})
        return [_phone_number(row) for row in rows]

    async def get_phone_number(self, phone_number_id: str, token: str) -> PhoneNumber:
        """Read one number."""
        params = {"fields": NUMBER_FIELDS}
        path = f"/{graph.segment(phone_number_id)}"
        return _phone_number(await self._call("GET", path, token, params=params))

    async def list_subscribed_apps(self, waba_id: str, token: str) -> list[Mapping[str, Any]]:
        """List the apps that receive the account's webhooks."""
        return await self._pages(f"/{graph.segment(waba_id)}/subscribed_apps", token, {})

    async def subscribe_app(
        self, waba_id: str, token: str, *, callback_url: str = "", verify_token: str = ""
    ) -> None:
        """Subscribe our app to the account's webhooks, at its own callback URL when given one."""
        body = {}
        if callback_url:
            body = {"override_callback_uri": callback_url, "verify_token": verify_token}
        await self._call("POST", f"/{graph.segment(waba_id)}/subscribed_apps", token, json=body)

    async def unsubscribe_app(self, waba_id: str, token: str) -> None:
        """Stop the account's webhooks to our app."""
        await self._call("DELETE", f"/{graph.segment(waba_id)}/subscribed_apps", token)

    async def _call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        with _named_errors():
            response = await self._graph.request(
                method, path, token=token, json=json, params=params
            )
            return _object(response)

    async def _pages(
        self, path: str, token: str, params: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        query = {**params, "limit": str(PAGE_SIZE)}
        for _ in range(MAX_PAGES):
            page = await self._call("GET", path, token, params=query)
            found = page.get("data")
            rows.extend(row for row in found or () if isinstance(row, dict))
            after = _next_cursor(page)
            if not after:
                break
            query["after"] = after
        return rows


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except (graph.UntrustedHost, graph.TooLarge):
        raise
    except graph.GraphFailure as failure:
        raise errors.classify(failure) from failure


def _accepted(response: graph.GraphResponse) -> Accepted:
    answer = _object(response)
    message = _first(answer.get("messages"))
    wamid = _text(message.get("id"))
    if not wamid:
        raise graph.OutcomeUnknown("The answer names no message id.", status=response.status)
    contact = _first(answer.get("contacts"))
    return Accepted(
        wamid=wamid,
        wa_id=_text(contact.get("wa_id")),
        user_id=_text(contact.get("user_id")),
        message_status=_text(message.get("message_status")),
    )


def _phone_number(row: Mapping[str, Any]) -> PhoneNumber:
    throughput = row.get("throughput")
    return PhoneNumber(
        id=_text(row.get("id")),
        display_phone_number=_text(row.get("display_phone_number")),
        verified_name=_text(row.get("verified_name")),
        quality_rating=_text(row.get("quality_rating")) or "UNKNOWN",
        status=_text(row.get("status")) or "UNKNOWN",
        throughput_level=_text(throughput.get("level")) if isinstance(throughput, dict) else "",
        messaging_limit=_text(row.get("whatsapp_business_manager_messaging_limit")),
        name_status=_text(row.get("name_status")),
        code_verification_status=_text(row.get("code_verification_status")),
        account_mode=_text(row.get("account_mode")),
        platform_type=_text(row.get("platform_type")),
        raw=row,
    )


def _object(response: graph.GraphResponse) -> Mapping[str, Any]:
    answer = response.json()
    if not isinstance(answer, dict):
        raise graph.OutcomeUnknown("The answer is not a JSON object.", status=response.status)
    return answer


def _next_cursor(page: Mapping[str, Any]) -> str:
    paging = page.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return ""
    cursors = paging.get("cursors")
    return _text(cursors.get("after")) if isinstance(cursors, dict) else ""


def _first(rows: object) -> Mapping[str, Any]:
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        return rows[0]
    return {}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _size(value: object) -> int:
    text = _text(value)
    return int(text) if text.isdecimal() and text.isascii() else 0
