"""Check free-form messages and the envelope around every message."""

from collections.abc import Callable
from typing import Any

from config.dev.sandbox import interactive
from config.dev.sandbox.errors import Json, MetaError, invalid, missing
from config.dev.sandbox.world import World

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_CALLBACK = 512
MAX_CONTACTS = 257
CAPTIONED = ("image", "video", "document")


def check_envelope(message: Json) -> None:
    """Check what every message carries besides its content."""
    if message.get("messaging_product") != "whatsapp":
        raise MetaError(100, "The parameter messaging_product is required.")
    if message.get("recipient_type", "individual") not in ("individual", "group"):
        raise invalid("recipient_type")
    callback = message.get("biz_opaque_callback_data")
    if callback is not None and (not isinstance(callback, str) or len(callback) > MAX_CALLBACK):
        raise invalid("biz_opaque_callback_data", f"At most {MAX_CALLBACK} characters.")
    context = message.get("context")
    if context is not None:
        if not isinstance(context, dict) or not isinstance(context.get("message_id"), str):
            raise invalid("context['message_id']")
        if message.get("type") == "reaction":
            raise invalid("context", "A reaction cannot be a contextual reply.")


def check(world: World, kind: str, message: Json) -> None:
    """Check the content of a free-form message of this type."""
    checker = _CHECKS.get(kind)
    if checker is None:
        raise MetaError(131009 if kind else 131008, f"Message type is not supported: {kind}")
    content = message.get(kind)
    if content is None:
        raise missing(kind)
    checker(world, content)


def check_link_or_id(world: World, kind: str, value: Any) -> None:
    """Check a file given by link or by the id of an upload."""
    if not isinstance(value, dict) or bool(value.get("id")) == bool(value.get("link")):
        raise invalid(kind, "Exactly one of id and link is required.")
    if value.get("id"):
        if str(value["id"]) not in world.media:
            raise invalid(f"{kind}['id']", "The media does not exist or has expired.")
    elif not str(value["link"]).startswith(("http://", "https://")):
        raise invalid(f"{kind}['link']", "Not a http or https address.")


def _object(kind: str, content: Any) -> Json:
    if not isinstance(content, dict):
        raise invalid(kind, "An object is expected.")
    return content


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _text(_world: World, content: Any) -> None:
    body = _object("text", content).get("body")
    if not isinstance(body, str) or not body:
        raise missing("text['body']")
    if len(body) > MAX_TEXT:
        raise MetaError(100, f"Param text['body'] must be at most {MAX_TEXT} characters long.")


def _media(kind: str) -> Callable[[World, Any], None]:
    def check_media(world: World, content: Any) -> None:
        check_link_or_id(world, kind, content)
        caption = content.get("caption")
        if caption is not None and kind not in CAPTIONED:
            raise invalid(f"{kind}['caption']", "This type has no caption.")
        if caption is not None and (not isinstance(caption, str) or len(caption) > MAX_CAPTION):
            raise invalid(f"{kind}['caption']", f"At most {MAX_CAPTION} characters.")

    return check_media


def _location(_world: World, content: Any) -> None:
    for name, limit in (("latitude", 90), ("longitude", 180)):
        try:
            inside = abs(float(_object("location", content)[name])) <= limit
        except (KeyError, TypeError):
            raise missing(f"location['{name}']") from None
        except ValueError:
            inside = False
        if not inside:
            raise invalid(f"location['{name}']")


def _contacts(_world: World, content: Any) -> None:
    if not isinstance(content, list) or not content:
        raise missing("contacts")
    if len(content) > MAX_CONTACTS:
        raise invalid("contacts", f"At most {MAX_CONTACTS} contacts.")
    for contact in content:
        name = _object("contacts", contact).get("name")
        if not isinstance(name, dict) or not _is_text(name.get("formatted_name")):
            raise missing("contacts['name']['formatted_name']")
        if not any(part != "formatted_name" and value for part, value in name.items()):
            raise missing("contacts['name']: one more part of the name")


def _reaction(_world: World, content: Any) -> None:
    reaction = _object("reaction", content)
    if not isinstance(reaction.get("message_id"), str) or not reaction["message_id"]:
        raise missing("reaction['message_id']")
    if not isinstance(reaction.get("emoji"), str):
        raise missing("reaction['emoji']")


def _interactive(world: World, content: Any) -> None:
    interactive.check(_object("interactive", content))
    header = content.get("header") or {}
    if header.get("type") in CAPTIONED:
        check_link_or_id(world, header["type"], header.get(header["type"]))


_CHECKS: dict[str, Callable[[World, Any], None]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "interactive": _interactive,
    **{kind: _media(kind) for kind in ("image", "video", "audio", "document", "sticker")},
}
