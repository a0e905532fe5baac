"""Read what people do: messages, echoes, preferences, changes of identity, history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging.meta.facts import (
    AppStateSync,
    Echo,
    Handover,
    HistoryChunk,
    HistoryMessage,
    IdentityChange,
    InboundMessage,
    Json,
    Notification,
    UserPreference,
    ValueErrors,
)
from messaging.meta.reading import (
    errors_of,
    integer_of,
    object_of,
    objects_of,
    phone_of,
    text_of,
    time_of,
)
from messaging.meta.scope import Scope


def read_messages(scope: Scope, rows: Any, contacts: Any) -> list[Notification]:
    """Return one fact for each message; system messages become identity changes."""
    people = list(objects_of(contacts))
    return [_message(scope, row, people) for row in objects_of(rows)]


def _message(scope: Scope, row: dict[str, Any], people: list[dict[str, Any]]) -> Notification:
    wamid = text_of(row.get("id"))
    kind = text_of(row.get("type"))
    if not wamid:
        return scope.unknown(kind, row)
    if kind == "system":
        return _system(scope, row, wamid)
    content = content_of(row, kind)
    context = object_of(row.get("context"))
    contact = _contact_of(row, people)
    profile = object_of(contact.get("profile"))
    referral = row.get("referral")
    return InboundMessage(
        waba_id=scope.waba_id,
        phone_number_id=scope.phone_number_id,
        wamid=wamid,
        from_phone=phone_of(row.get("from")) or phone_of(contact.get("wa_id")),
        from_bsuid=text_of(row.get("from_user_id")) or text_of(contact.get("user_id")),
        parent_bsuid=text_of(row.get("from_parent_user_id"))
        or text_of(contact.get("parent_user_id")),
        profile_name=text_of(profile.get("name")),
        username=text_of(profile.get("username")),
        timestamp=time_of(row.get("timestamp")) or scope.sent_at,
        type=kind or "unknown",
        content=content,
        context_wamid=text_of(context.get("id")),
        text=words_of(kind, content),
        payload=payload_of(kind, content),
        target_wamid=text_of(content.get("message_id") or content.get("original_message_id")),
        group_id=text_of(row.get("group_id")),
        is_forwarded=bool(context.get("forwarded") or context.get("frequently_forwarded")),
        referral=referral if isinstance(referral, dict) else None,
        errors=errors_of(row.get("errors")),
        standby=scope.standby,
        raw=row,
    )


def _contact_of(row: Json, people: list[dict[str, Any]]) -> dict[str, Any]:
    """Find the sender among the contacts; a lone contact is the sender if nothing says no."""
    phone, bsuid = text_of(row.get("from")), text_of(row.get("from_user_id"))
    for person in people:
        if phone and text_of(person.get("wa_id")) == phone:
            return person
        if bsuid and text_of(person.get("user_id")) == bsuid:
            return person
    if len(people) != 1:
        return {}
    person = people[0]
    same = _may_be(phone[-8:], text_of(person.get("wa_id"))[-8:])
    return person if same and _may_be(bsuid, text_of(person.get("user_id"))) else {}


def _may_be(one: str, other: str) -> bool:
    """Tell whether two ids do not contradict each other.

    Phones are compared by their end: Meta spells Brazilian and Mexican ones in two ways.
    """
    return not one or not other or one == other


def content_of(row: Json, kind: str) -> Json:
    """Return Meta's sub-object named like the type; a list is wrapped under that name."""
    content = row.get(kind) if kind else None
    if isinstance(content, dict):
        return content
    return {kind: content} if isinstance(content, list) else {}


def words_of(kind: str, content: Json) -> str:
    """Return what the person wrote or tapped, as they saw it."""
    if kind == "text":
        return text_of(content.get("body"))
    if kind == "button":
        return text_of(content.get("text")) or text_of(content.get("payload"))
    if kind == "interactive":
        reply = _reply(content)
        return text_of(reply.get("title")) or text_of(reply.get("body"))
    if kind == "order":
        return text_of(content.get("text"))
    if kind == "edit":
        edited = object_of(content.get("message"))
        inner = text_of(edited.get("type"))
        return words_of(inner, content_of(edited, inner)) if inner != "edit" else ""
    return text_of(content.get("caption"))


def payload_of(kind: str, content: Json) -> str:
    """Return the id behind a tapped button or row."""
    if kind == "button":
        return text_of(content.get("payload"))
    return text_of(_reply(content).get("id")) if kind == "interactive" else ""


def _reply(content: Json) -> dict[str, Any]:
    reply = object_of(content.get(text_of(content.get("type"))))
    if reply:
        return reply
    return object_of(content.get("button_reply")) or object_of(content.get("list_reply"))


def _system(scope: Scope, row: dict[str, Any], wamid: str) -> Notification:
    system = object_of(row.get("system"))
    identity = object_of(row.get("identity"))
    kind = text_of(system.get("type"))
    new_phone = phone_of(system.get("wa_id")) or phone_of(system.get("new_wa_id"))
    new_bsuid = text_of(system.get("user_id"))
    if not (new_phone or new_bsuid or identity):
        return scope.unknown(f"system.{kind}", row)
    old_bsuid = text_of(system.get("previous_user_id")) or text_of(row.get("from_user_id"))
    return IdentityChange(
        waba_id=scope.waba_id,
        phone_number_id=scope.phone_number_id,
        kind=kind,
        old_phone=phone_of(row.get("from")),
        new_phone=new_phone,
        old_bsuid=old_bsuid,
        new_bsuid=new_bsuid,
        identity_hash=text_of(identity.get("hash")),
        wamid=wamid,
        timestamp=time_of(row.get("timestamp")) or scope.sent_at,
        raw=row,
    )


def read_user_id_updates(scope: Scope, value: dict[str, Any]) -> list[Notification]:
    """Read the field Meta described early and then withdrew; it may still arrive."""
    rows = value.get("user_id_update") or value.get("user_id_updates") or value
    return [_user_id_update(scope, row) for row in objects_of(rows)]


def _user_id_update(scope: Scope, row: dict[str, Any]) -> Notification:
    ids = row.get("user_id")
    pair: Mapping[str, Any] = ids if isinstance(ids, dict) else {}
    old = text_of(pair.get("previous")) or text_of(row.get("previous_user_id"))
    new = text_of(pair.get("current")) or text_of(ids)
    if not (old or new):
        return scope.unknown("user_id_update", row)
    phone = phone_of(row.get("wa_id"))
    return IdentityChange(
        waba_id=scope.waba_id,
        phone_number_id=scope.phone_number_id,
        kind="user_changed_user_id",
        old_phone=phone,
        new_phone=phone,
        old_bsuid=old,
        new_bsuid=new,
        identity_hash="",
        wamid="",
        timestamp=time_of(row.get("timestamp")) or scope.sent_at,
        raw=row,
    )


def read_echoes(scope: Scope, rows: Any) -> list[Notification]:
    """Return one fact for each message the business wrote elsewhere."""
    return [_echo(scope, row) for row in objects_of(rows)]


def _echo(scope: Scope, row: dict[str, Any]) -> Notification:
    wamid, kind = text_of(row.get("id")), text_of(row.get("type"))
    if not wamid:
        return scope.unknown(kind, row)
    content = content_of(row, kind)
    return Echo(
        waba_id=scope.waba_id,
        phone_number_id=scope.phone_number_id,
        wamid=wamid,
        to_phone=phone_of(row.get("to")),
        to_bsuid=text_of(row.get("to_user_id")),
        timestamp=time_of(row.get("timestamp")) or scope.sent_at,
        type=kind or "unknown",
        content=content,
        text=words_of(kind, content),
        standby=scope.standby,
        raw=row,
    )


def read_preferences(scope: Scope, value: dict[str, Any]) -> list[Notification]:
    """Read Meta's own opt-out door: "Offers and announcements" in the chat."""
    people = list(objects_of(value.get("contacts")))
    return [_preference(scope, row, people) for row in objects_of(value.get("user_preferences"))]


def _preference(scope: Scope, row: dict[str, Any], people: list[dict[str, Any]]) -> Notification:
    contact = people[0] if len(people) == 1 else {}
    phone = phone_of(row.get("wa_id"))
    bsuid = text_of(row.get("user_id"))
    if not (phone or bsuid):
        phone, bsuid = phone_of(contact.get("wa_id")), text_of(contact.get("user_id"))
    return UserPreference(
        waba_id=scope.waba_id,
        phone_number_id=scope.phone_number_id,
        phone=phone,
        bsuid=bsuid,
        category=text_of(row.get("category")),
        value=text_of(row.get("value")).lower(),
        detail=text_of(row.get("detail")),
        signup_id=text_of(row.get("signup_id")),
        timestamp=time_of(row.get("timestamp")) or scope.sent_at,
        raw=row,
    )


def read_handover(scope: Scope, value: dict[str, Any]) -> list[Notification]:
    """Read a change of who holds a conversation."""
    kind = text_of(value.get("type"))
    roles = object_of(value.get(kind))
    contact = next(objects_of(value.get("contacts")), {})
    return [
        Handover(
            waba_id=scope.waba_id,
            phone_number_id=scope.phone_number_id,
            phone=phone_of(contact.get("wa_id")),
            bsuid=text_of(contact.get("user_id")),
            kind=kind,
            previous_owner=text_of(roles.get("previous_owner_role")),
            new_owner=text_of(roles.get("new_owner_role")),
            timestamp=time_of(value.get("timestamp")) or scope.sent_at,
            raw=value,
        )
    ]


def read_history(scope: Scope, value: dict[str, Any]) -> list[Notification]:
    """Read chunks of the past, or the business's refusal to share it."""
    return [_history(scope, row) for row in objects_of(value.get("history"))]


def _history(scope: Scope, row: dict[str, Any]) -> Notification:
    errors = errors_of(row.get("errors"))
    if errors:
        return ValueErrors(scope.waba_id, scope.phone_number_id, scope.field, errors, row)
    metadata = object_of(row.get("metadata"))
    return HistoryChunk(
        waba_id=scope.waba_id,
        phone_number_id=scope.phone_number_id,
        phase=integer_of(metadata.get("phase")),
        chunk_order=integer_of(metadata.get("chunk_order")),
        progress_percent=integer_of(metadata.get("progress")),
        messages=tuple(
            _past_message(scope, text_of(thread.get("id")), message)
            for thread in objects_of(row.get("threads"))
            for message in objects_of(thread.get("messages"))
        ),
    )


def _past_message(scope: Scope, thread: str, row: dict[str, Any]) -> HistoryMessage:
    kind = text_of(row.get("type"))
    content = content_of(row, kind)
    ours = phone_of(scope.display_phone_number)
    return HistoryMessage(
        thread=phone_of(thread) or thread,
        outbound=bool(ours) and phone_of(row.get("from")) == ours,
        wamid=text_of(row.get("id")),
        timestamp=time_of(row.get("timestamp")),
        type=kind or "unknown",
        content=content,
        text=words_of(kind, content),
        status=text_of(object_of(row.get("history_context")).get("status")).lower(),
        raw=row,
    )


def read_app_state(scope: Scope, value: dict[str, Any]) -> list[Notification]:
    """Read changes of the app's address book."""
    return [_app_state(scope, row) for row in objects_of(value.get("state_sync"))]


def _app_state(scope: Scope, row: dict[str, Any]) -> Notification:
    contact = row.get("contact")
    if not isinstance(contact, dict):
        return scope.unknown(text_of(row.get("type")), row)
    return AppStateSync(
        waba_id=scope.waba_id,
        phone_number_id=scope.phone_number_id,
        phone=phone_of(contact.get("phone_number")),
        full_name=text_of(contact.get("full_name")),
        first_name=text_of(contact.get("first_name")),
        action=text_of(row.get("action")),
        timestamp=time_of(object_of(row.get("metadata")).get("timestamp")) or scope.sent_at,
        raw=row,
    )
