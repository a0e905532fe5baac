"""A person with a unique mark in every field and file, and the search for what is left of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from compliance import consent
from compliance.models import ConsentEvent, ConsentStatus
from config.lib import storage
from config.lib.ids import new_id
from messaging.campaigns.models import CampaignRecipient
from messaging.contacts.models import Contact, ContactList, ContactTag, ListEntry, Tag
from messaging.media.models import MediaFile
from messaging.messages.models import Message, MessageEvent
from messaging.senders.models import Sender
from messaging.webhooks import apply
from messaging.webhooks.models import DeadLetter, FormerAddress, PendingEvent, RawEvent
from tests.factories import campaigns
from tests.factories.cast import Cast, client_of
from tests.factories.compliance import opt_in
from tests.factories.contacts import imported, uploaded
from tests.factories.messaging import MessageFactory, SenderFactory
from tests.factories.templates import TemplateFactory

MARK = "Zyxquorbl7"
PHONE = "+34622990011"
WA_ID = PHONE[1:]
BSUID = f"ES.{MARK}88001122"
OTHER = "34622990022"
FORMER = "+34622990033"
WAMID = "wamid." + base64.b64encode(f"HB{WA_ID}{MARK}".encode()).decode()
# As people write a number when they name a file.
SPOKEN = "+34 622 990 011"
WORDS = (MARK, WA_ID, BSUID, FORMER[1:], WAMID, SPOKEN)


@dataclass(frozen=True)
class Scene:
    """The business, its sender, and the contact that will be erased."""

    business: Business
    sender: Sender
    contact: Contact


def make_scene(cast: Cast) -> Scene:
    """Write the mark through every door and into every table we can think of."""
    business = cast.business
    sender = SenderFactory.create(business=business, is_default=True)
    _ask_the_api(cast)
    post(sender, [text_of_the_person("one"), _inbound_file(), text_of_another()])
    with tenancy.scope(business):
        contact = Contact.objects.get(bsuid=BSUID)
        _fill(contact)
        _hang_on(contact, sender)
    opt_in(business, *contact.address_keys)
    _say_consent(business, contact)
    files_named_after_them(cast)
    _campaign(sender, contact)
    post(sender, [text_of_the_person("left over")], is_applied=False)
    return Scene(business, sender, contact)


def find_in_tables() -> dict[str, list[str]]:
    """Search every column of every table, bytes as well as text."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = current_schema()::regnamespace"
        )
        for (table,) in cursor.fetchall():
            for word in WORDS:
                patterns = [f"%{word}%", f"%{word.encode().hex()}%"]
                cursor.execute(
                    f"SELECT t::text FROM {table} t WHERE t::text LIKE ANY(%s) LIMIT 1",  # noqa: S608  # names from the catalogue
                    [patterns],
                )
                if row := cursor.fetchone():
                    found.setdefault(table, []).append(f"{word}: {row[0][:300]}")
    return found


def find_in_storage(name: str = "MEDIA_STORAGE_URL") -> list[str]:
    """Search names and bytes of every stored file."""
    root = Path(str(getattr(settings, name)).removeprefix("file://"))
    files = [path for path in root.rglob("*") if path.is_file()]
    return [
        str(path)
        for path in files
        for word in WORDS
        if word in str(path) or word.encode() in path.read_bytes()
    ]


def find_in_redis(server: redis.Redis) -> list[str]:
    """Search every key and value."""
    return [
        key.decode("utf-8", "replace")
        for key in server.scan_iter(match="*", count=1000)
        for text in [key + b" " + _dumped(server, key)]
        for word in WORDS
        if word.encode() in text
    ]


def in_text(text: str) -> list[str]:
    """Return the words of the mark that stand in a text."""
    return [word for word in WORDS if word in text]


def _dumped(server: redis.Redis, key: bytes) -> bytes:
    readers: dict[bytes, Any] = {
        b"string": lambda: server.get(key),
        b"hash": lambda: server.hgetall(key),
        b"list": lambda: server.lrange(key, 0, -1),
        b"set": lambda: server.smembers(key),
        b"zset": lambda: server.zrange(key, 0, -1),
        b"stream": lambda: server.xrange(key),
    }
    kind: Any = server.type(key)
    return str(readers[kind]() if kind in readers else "").encode()


def _ask_the_api(cast: Cast) -> None:
    client = client_of(cast.alice)
    body = {"phone": PHONE, "name": MARK, "attributes": {"city": MARK}, "tags": [f"vip {MARK}"[:3]]}
    answer = client.post("/api/contacts", body, headers={"Idempotency-Key": f"make {MARK}"})
    assert answer.status_code == 201, answer.content
    again = client.post("/api/contacts", body, headers={"Idempotency-Key": f"again {WA_ID}"})
    assert again.status_code == 409
    url = f"/api/contacts/{answer.data['id']}"
    assert client.patch(url, {"attributes": {"city": f"new {MARK}"}}).status_code == 200
    assert MARK in client.get(url).content.decode()
    assert client.post("/api/audit/logs", {"action": "crm.synced"}).status_code == 201


def files_named_after_them(cast: Cast) -> None:
    """Bring in every kind of file under the person's name; only one has them among its rows."""
    name, theirs = f"{MARK} {SPOKEN}", f"phone,name,status\n{PHONE},{MARK},yes\n".encode()
    of_others = f"phone,name,status\n+{OTHER},Other,yes\n".encode()
    contacts = [
        imported(cast.business, theirs, filename=f"{name}.csv"),
        imported(cast.business, of_others, filename=f"other {name}.csv"),
        imported(cast.business, of_others, filename=f"{SPOKEN}.csv"),
        uploaded(cast.business, of_others, filename=f"{MARK}.csv"),
    ]
    assert all(MARK in one.filename or SPOKEN in one.filename for one in contacts)
    client, route = client_of(cast.alice), "/api/compliance/consent/import"
    told = {"source": "Fair", "commit": "true"}
    for number, content in enumerate((theirs, of_others)):
        file = SimpleUploadedFile(f"{name}.csv", content)
        key = {"Idempotency-Key": f"file {number}"}
        answer = client.post(route, told | {"file": file}, format="multipart", headers=key)
        assert answer.status_code == 201, answer.content


def post(sender: Sender, messages: list[dict[str, Any]], *, is_applied: bool = True) -> None:
    """Have Meta post messages, with the person's profile beside them."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": sender.phone_number_id},
        "contacts": [{"wa_id": WA_ID, "user_id": BSUID, "profile": {"name": MARK}}],
        "messages": messages,
    }
    post_value(sender, value, is_applied=is_applied)


def post_value(sender: Sender, value: dict[str, Any], *, is_applied: bool = True) -> None:
    """Have Meta post a value, and apply it."""
    event = RawEvent.objects.create(body=body_of(sender, value))
    PendingEvent.objects.create(event_id=event.pk)
    if is_applied:
        now = timezone.now()
        apply.run(clock=lambda: now, time_slice=timedelta(minutes=1))
        assert not PendingEvent.objects.exists()


def body_of(sender: Sender, value: dict[str, Any]) -> bytes:
    """Return a value as the body Meta posts it in."""
    entry = {"id": sender.account.waba_id, "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def body_of_two(sender: Sender) -> bytes:
    """Return a body in which the person and somebody else write."""
    value = {
        "metadata": {"phone_number_id": sender.phone_number_id},
        "messages": [text_of_the_person("two"), text_of_another()],
    }
    return body_of(sender, value)


def post_status(sender: Sender, message_id: Any) -> None:
    """Have Meta tell of a message to the person, with their number in it."""
    value = {
        "metadata": {"phone_number_id": sender.phone_number_id},
        "statuses": [
            {
                "id": f"{WAMID}sent",
                "status": "read",
                "timestamp": str(int(timezone.now().timestamp())),
                "recipient_id": WA_ID,
                "biz_opaque_callback_data": str(message_id),
            }
        ],
    }
    post_value(sender, value)


def text_of_the_person(words: str) -> dict[str, Any]:
    """Return a text from the person, as Meta posts it."""
    return {
        "from": WA_ID,
        "from_user_id": BSUID,
        "id": f"{WAMID}{words}",
        "timestamp": str(int(timezone.now().timestamp()) - 5),
        "type": "text",
        "text": {"body": f"{words} {MARK}"},
    }


def _inbound_file() -> dict[str, Any]:
    return text_of_the_person("file") | {
        "type": "document",
        "document": {
            "id": "900100",
            "mime_type": "application/pdf",
            "filename": f"{MARK}.pdf",
            "caption": MARK,
        },
    }


def text_of_another() -> dict[str, Any]:
    """Return a text from somebody else."""
    return {
        "from": OTHER,
        "id": "wamid.other",
        "timestamp": str(int(timezone.now().timestamp()) - 5),
        "type": "text",
        "text": {"body": "Hello from somebody else"},
    }


def _fill(contact: Contact) -> None:
    contact.name, contact.username, contact.language = MARK, MARK, "es"
    contact.phone, contact.wa_id = PHONE, WA_ID
    contact.attributes = {"city": MARK, MARK: "value"}
    contact.save()
    for media in MediaFile.objects.all():
        media.path = storage.media().save(f"media/{media.pk}", ContentFile(MARK.encode()))
        media.status, media.next_attempt_at = "stored", None
        media.save()


def _hang_on(contact: Contact, sender: Sender) -> None:
    now = timezone.now()
    tag = Tag.objects.create(business=contact.business, name="customers")
    ContactTag.objects.create(business=contact.business, tag=tag, contact=contact)
    some = ContactList.objects.create(business=contact.business, name="spring", size=1)
    ListEntry.objects.create(business=contact.business, list=some, contact=contact)
    FormerAddress.objects.create(
        business=contact.business, address=FORMER, contact=contact, changed_at=now
    )
    opt_in(contact.business, FORMER)
    message = MessageFactory.create(
        business=contact.business,
        sender=sender,
        contact=contact,
        content={"body": MARK},
        metadata={"order": MARK},
        error_title=MARK,
        error_details=MARK,
        wamid=f"{WAMID}sent",
    )
    MessageEvent.objects.create(
        business=contact.business,
        message=message,
        status="failed",
        source="webhook",
        occurred_at=now,
        error={"title": MARK},
        detail=MARK,
    )
    DeadLetter.objects.create(
        business=contact.business, event_id=new_id(), reason="error", detail=f"about {WA_ID}"
    )


def _say_consent(business: Business, contact: Contact) -> None:
    now = timezone.now()
    with tenancy.scope(business):
        consent.record(
            addresses=contact.address_keys,
            scopes=consent.expand("marketing"),
            status=ConsentStatus.OPTED_IN,
            source=ConsentEvent.Source.API,
            occurred_at=now,
            now=now,
            reason=MARK,
            wording=MARK,
            evidence={"form": MARK},
        )


def _campaign(sender: Sender, contact: Contact) -> None:
    template = TemplateFactory.create(account=sender.account)
    draft = campaigns.draft(sender, template, variables={"1": {"field": "name", "default": "you"}})
    draft.refused = [{"place": 0, "to": PHONE, "code": "opted_out"}, {"place": 1, "to": "12"}]
    draft.save()
    CampaignRecipient.objects.create(
        campaign=draft, business_id=draft.business_id, contact=contact, values={"1": MARK}
    )


def others(business: Business) -> Iterator[Message]:
    """Yield the messages of somebody else."""
    yield from Message.across_businesses.filter(business=business, wamid="wamid.other")
