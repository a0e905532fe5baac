"""Read the statuses of a webhook: the busiest path, up to 1,000 items in one body."""

from __future__ import annotations

from typing import Any

from messaging.meta.facts import ConversationInfo, Json, Notification, Pricing, StatusUpdate
from messaging.meta.reading import errors_of, object_of, objects_of, phone_of, text_of, time_of
from messaging.meta.scope import Scope


def read(scope: Scope, rows: Any) -> list[Notification]:
    """Return one `StatusUpdate` for each row; a row without wamid or status is unknown."""
    return [_status(scope, row) for row in objects_of(rows)]


def _status(scope: Scope, row: dict[str, Any]) -> Notification:
    get = row.get
    wamid = get("id")
    status = get("status")
    if not (wamid and status and isinstance(wamid, str) and isinstance(status, str)):
        return scope.unknown("status", row)
    recipient = get("recipient_id")
    in_group = get("recipient_type") == "group"
    pricing = get("pricing")
    conversation = get("conversation")
    return StatusUpdate(
        waba_id=scope.waba_id,
        phone_number_id=scope.phone_number_id,
        wamid=wamid,
        status=status.lower(),
        timestamp=time_of(get("timestamp")) or scope.sent_at,
        callback_data=text_of(get("biz_opaque_callback_data")),
        recipient_phone="" if in_group else phone_of(recipient),
        recipient_bsuid=text_of(get("recipient_user_id")),
        group_id=text_of(recipient) if in_group else "",
        participant=_participant(row),
        errors=errors_of(get("errors")),
        pricing=_pricing(pricing) if pricing else None,
        conversation=_conversation(conversation) if conversation else None,
        standby=scope.standby,
        raw=row,
    )


def _participant(row: Json) -> str:
    phone = row.get("recipient_participant_id")
    return text_of(phone) or text_of(row.get("recipient_participant_user_id"))


def _pricing(value: Any) -> Pricing | None:
    if not isinstance(value, dict):
        return None
    billable = value.get("billable")
    return Pricing(
        category=text_of(value.get("category")),
        type=text_of(value.get("type")),
        billable=billable if isinstance(billable, bool) else None,
        model=text_of(value.get("pricing_model")),
    )


def _conversation(value: Any) -> ConversationInfo | None:
    if not isinstance(value, dict):
        return None
    return ConversationInfo(
        id=text_of(value.get("id")),
        origin=text_of(object_of(value.get("origin")).get("type")),
        expires_at=time_of(value.get("expiration_timestamp")),
    )
