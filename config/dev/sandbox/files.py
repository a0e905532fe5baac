"""Media and template samples: upload, look up, download, for as long as Meta keeps the link."""

import hashlib
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable

from aiohttp import BodyPartReader, web

from config.dev.sandbox.answers import json_answer
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.errors import MetaError, missing, unknown_object
from config.dev.sandbox.world import Media

DOWNLOADS = "/_media/"
LINK_SECONDS = 300
MEGABYTE = 1024 * 1024
AUDIO = ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg")
OFFICE = "application/vnd.openxmlformats-officedocument."
DOCUMENTS = (
    "text/plain",
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    OFFICE + "wordprocessingml.document",
    OFFICE + "spreadsheetml.sheet",
    OFFICE + "presentationml.presentation",
)
MAX_BYTES = {
    **dict.fromkeys(AUDIO, 16 * MEGABYTE),
    **dict.fromkeys(DOCUMENTS, 100 * MEGABYTE),
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * MEGABYTE),
    "image/webp": 500 * 1024,
    **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * MEGABYTE),
}


async def upload(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Take a file for a number (multipart: file, type, messaging_product)."""
    sandbox.world.get_phone(node)
    if not request.content_type.startswith("multipart/"):
        raise MetaError(100, "The body must be multipart/form-data.")
    texts: dict[str, str] = {}
    data: bytes | None = None
    declared = ""
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == "file":
            data = await _read(part)
            declared = part.headers.get("Content-Type", "").partition(";")[0]
        else:
            texts[part.name or ""] = await part.text()
    if texts.get("messaging_product") != "whatsapp":
        raise MetaError(100, "The parameter messaging_product is required.")
    if data is None:
        raise MetaError(100, "The parameter file is required.")
    media = keep(sandbox, node, texts.get("type", declared).partition(";")[0], data)
    return json_answer({"id": media.id})


async def _read(part: BodyPartReader) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(256 * 1024):
        data += chunk
        if len(data) > 100 * MEGABYTE:
            raise MetaError(131053, "The file is larger than 100 MB")
    return bytes(data)


def keep(sandbox: Sandbox, phone_number_id: str, mime_type: str, data: bytes) -> Media:
    """Keep a file that is of a type and size WhatsApp takes. Raises 131053 otherwise."""
    limit = MAX_BYTES.get(mime_type)
    if limit is None:
        raise MetaError(131053, f"Param file must be of a supported type, not {mime_type}")
    if not 0 < len(data) <= limit:
        raise MetaError(131053, f"File size of {mime_type} must be 1 to {limit} bytes")
    digest = hashlib.sha256(data).hexdigest()
    media = Media(sandbox.world.new_id(), phone_number_id, mime_type, data, digest)
    sandbox.world.media[media.id] = media
    return media


async def get_media(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Show what is known of a file, with a link for five minutes."""
    media = sandbox.world.media[node]
    owner = request.query.get("phone_number_id")
    if owner and owner != media.phone_number_id:
        raise unknown_object(node, "get")
    return json_answer(
        {
            "messaging_product": "whatsapp",
            "url": link(sandbox, media, now=time.time()),
            "mime_type": media.mime_type,
            "sha256": media.sha256,
            "file_size": len(media.data),
            "id": media.id,
        }
    )


def link(sandbox: Sandbox, media: Media, *, now: float) -> str:
    """Return the address of the file; valid for five minutes, with the token."""
    expires = int(now) + LINK_SECONDS
    query = f"mid={media.id}&source=getMedia&ext={expires}&hash={_mark(media, expires)}"
    return f"{sandbox.base_url}{DOWNLOADS}{media.id}?{query}"


def _mark(media: Media, expires: int) -> str:
    return b64encode(hashlib.sha256(f"{media.sha256}:{expires}".encode()).digest()[:12]).hex()


async def download(sandbox: Sandbox, request: web.BaseRequest, media_id: str) -> web.Response:
    """Give the bytes of a file while the link is good; 404 afterwards."""
    media = sandbox.world.media.get(media_id)
    expires = request.query.get("ext", "")
    if media is None or not expires.isdigit() or int(expires) < time.time():
        return web.Response(status=404)
    if request.query.get("hash") != _mark(media, int(expires)):
        return web.Response(status=404)
    return web.Response(body=media.data, content_type=media.mime_type)


async def open_upload(sandbox: Sandbox, request: web.BaseRequest, _node: str) -> web.Response:
    """Open a resumable upload, for the sample of a template header."""
    for name in ("file_length", "file_type"):
        if name not in request.query:
            raise missing(name)
    return json_answer({"id": f"upload:{sandbox.world.new_id()}"})


async def receive_upload(sandbox: Sandbox, request: web.BaseRequest, node: str) -> web.Response:
    """Take the bytes of a resumable upload and return its handle."""
    digest = hashlib.sha256(await request.read()).digest()
    return json_answer({"h": f"4::{b64encode(node.encode() + digest).decode()}"})


EDGES: dict[tuple[str, str], Callable[..., Awaitable[web.StreamResponse]]] = {
    ("POST", "media"): upload,
    ("POST", "uploads"): open_upload,
}
