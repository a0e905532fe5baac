"""From the body of a request to a message in the queue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from config.lib.addresses import is_bsuid
from config.lib.errors import InvalidInput, NotFound
from messaging.api.asking import meta_asked
from messaging.api.messages import bodies
from messaging.contacts import people
from messaging.contacts.models import Contact
from messaging.media import uploads
from messaging.media.models import MediaFile
from messaging.messages.models import Message
from messaging.senders import numbers
from messaging.senders.models import Sender
from messaging.sending import request
from templates_mgmt import catalog, compiled
from templates_mgmt.models import Template

MetaIds = Mapping[UUID, str]


def send(
    given: Mapping[str, Any], *, files: MetaIds, options: request.Options, now: datetime
) -> Message:
    """Queue the message a checked body asks for; a refused one leaves no trace.

    `files` are those sent by our id, by Meta's as `upload` returned it. Raises `InvalidInput`
    naming the field, `SendRefused` and the template's refusals.
    """
    sender = sender_of(given)
    media = _Known(sender, now, dict(files))
    if given["type"] == "template":
        template, variables = _template(media, given)
        with transaction.atomic():
            contact = _contact(given, now)
            return request.template(
                sender=sender,
                contact=contact,
                template=template,
                variables=variables,
                now=now,
                options=_options(given, options, contact, sender),
            )
    _require_category(given, "service")
    content = _content(media, given)
    with transaction.atomic():
        contact = _contact(given, now)
        return request.content(
            sender=sender,
            contact=contact,
            type_=given["type"],
            content=content,
            now=now,
            options=_options(given, options, contact, sender),
        )


def names_files(given: Any) -> bool:
    """Say whether a body names anything by an id of ours where files can be named."""
    left = [given]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if bodies.our_id(one.get("id")) is not None:
                return True
            left += one.values()
        elif isinstance(one, list):
            left += one
    return False


def upload(given: Mapping[str, Any], *, now: datetime) -> MetaIds:
    """Return the ids at Meta of a checked body's files, uploaded for the sender it names."""
    media = _Uploads(sender_of(given), now)
    if given["type"] == "template":
        _template(media, given)
    else:
        _require_category(given, "service")
        _content(media, given)
    return media.ids


def sender_of(given: Mapping[str, Any]) -> Sender:
    """Return the number a checked body names, else the default one."""
    return _sender(given.get("sender"))


def _sender(phone_number_id: str | None) -> Sender:
    if phone_number_id is None:
        found = numbers.find_default()
        if found is None:
            raise InvalidInput(
                "Name the sender: the business has no default number.",
                code="required",
                attr="sender",
            )
        return found
    try:
        return numbers.get(phone_number_id)
    except NotFound as error:
        raise InvalidInput(error.detail, code="unknown_sender", attr="sender") from error


def _contact(given: Mapping[str, Any], now: datetime) -> Contact:
    if "contact" in given:
        found: Contact | None = Contact.objects.filter(pk=given["contact"]).first()
        if found is None:
            raise InvalidInput("No such contact.", code="unknown_contact", attr="contact")
        return found
    address = given["to"]
    if is_bsuid(address):
        return people.find_or_create(bsuid=address, now=now)
    return people.find_or_create(phone=address, now=now)


def _template(media: _Known, given: Mapping[str, Any]) -> tuple[Template, dict[str, Any]]:
    body = given["template"]
    name, language = body.get("name"), body.get("language")
    if isinstance(language, dict):
        language = language.get("code")
    for field, value in (("name", name), ("language", language)):
        attr = f"template.{field}"
        if value is None or value == "":
            raise InvalidInput("This field is required.", code="required", attr=attr)
        if not isinstance(value, str):
            raise InvalidInput("This must be a string.", attr=attr)
    template = catalog.get_sendable(media.sender.account, str(name)[:512], str(language)[:40])
    _require_category(given, template.category)
    if "components" in body:
        definition = compiled.of(template).definition
        variables = bodies.values_of(definition, body["components"])
    else:
        variables = body.get("variables", {})
    if not isinstance(variables, dict):
        raise InvalidInput("This must be an object.", attr="template.variables")
    return template, {key: media.of_variable(value) for key, value in variables.items()}


def _require_category(given: Mapping[str, Any], actual: str) -> None:
    wanted = given.get("category")
    if wanted is not None and wanted != actual:
        raise InvalidInput(
            f"The message is of category {actual}.", code="category_mismatch", attr="category"
        )


def _content(media: _Known, given: Mapping[str, Any]) -> Any:
    """Return the content with Meta's ids in place of ours."""
    kind = given["type"]
    content = given[kind]
    if kind in bodies.MEDIA_TYPES:
        return bodies.media_object(kind, content, media.meta_id)
    if kind == "interactive":
        return bodies.with_media(content, media.meta_id)
    if kind == "reaction" and (ours := bodies.our_id(content.get("message_id"))):
        return {**content, "message_id": _wamid(ours, "reaction.message_id")}
    return content


def _wamid(message_id: UUID, attr: str) -> str:
    message: Message | None = Message.objects.filter(pk=message_id).first()
    if message is None or not message.wamid:
        raise InvalidInput(
            "No such message, or it has not left.", code="unknown_message", attr=attr
        )
    return message.wamid


def _options(
    given: Mapping[str, Any], options: request.Options, contact: Contact, sender: Sender
) -> request.Options:
    reply_to = None
    if "reply_to" in given:
        reply_to = Message.objects.filter(
            pk=given["reply_to"], contact=contact, sender=sender, wamid__isnull=False
        ).first()
        if reply_to is None:
            raise InvalidInput(
                "This conversation has no such message.", code="unknown_message", attr="reply_to"
            )
    return request.Options(
        scheduled_at=given.get("scheduled_at"),
        reply_to=reply_to,
        metadata=given.get("metadata"),
        by=options.by,
    )


class _Known:
    """The ids at Meta of files of ours, for one sender."""

    def __init__(self, sender: Sender, now: datetime, ids: dict[UUID, str] | None = None) -> None:
        self.sender = sender
        self.now = now
        self.ids = ids or {}

    def meta_id(self, kind: str, media_id: UUID) -> str:
        """Return Meta's id of a file that may be sent as this kind."""
        found: MediaFile | None = MediaFile.objects.filter(pk=media_id).first()
        if found is None:
            raise InvalidInput("No such file.", code="unknown_media", attr=f"{kind}.id")
        if not _suits(found.mime_type, kind):
            raise InvalidInput(
                f"The file is {found.mime_type}.", code="wrong_media_type", attr=f"{kind}.id"
            )
        return self._id_of(found)

    def of_variable(self, value: Any) -> Any:
        """Return the value of a media variable with Meta's id; other values as they are."""
        ours = bodies.our_id(value.get("id")) if isinstance(value, dict) else None
        return value if ours is None else {**value, "id": self.meta_id("", ours)}

    def _id_of(self, media: MediaFile) -> str:
        return self.ids[media.pk]


class _Uploads(_Known):
    """The same, of files that Meta is given now if it has them not."""

    def _id_of(self, media: MediaFile) -> str:
        with meta_asked():
            self.ids[media.pk] = uploads.ensure_meta_id(
                media,
                sender_id=self.sender.pk,
                phone_number_id=self.sender.phone_number_id,
                token=self.sender.account.access_token,
                now=self.now,
            )
        return self.ids[media.pk]


def _suits(mime_type: str, kind: str) -> bool:
    """Say whether a file can be sent as this type; any can be as a document."""
    if kind in ("", "document"):
        return True
    if kind == "sticker":
        return mime_type == "image/webp"
    return mime_type.startswith(f"{kind}/")
