"""Name the facts a webhook of Meta's can state.

Phones are E.164 with "+", or empty when Meta gave none; BSUIDs are Meta's user ids, or empty.
Times are Meta's, aware and in UTC, or None when Meta gave none that can be read. `raw` is
Meta's own object. `standby`: Meta Business Agent holds the conversation, so nothing may answer
by itself. Source: Meta's webhook pages, September 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MetaError:
    """Hold one row of an `errors` array. `code` is None when unreadable."""

    code: int | None
    title: str
    details: str
    href: str


@dataclass(frozen=True, slots=True)
class Pricing:
    """Say how Meta bills a message. `type` regular is billed; `billable` is Meta's old flag."""

    category: str
    type: str
    billable: bool | None
    model: str


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    """Hold the conversation of a status; from v24 only free entry points have one."""

    id: str
    origin: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """Say that a person wrote, tapped, reacted, edited or deleted.

    `content` is Meta's sub-object named like `type` (a list is wrapped as `{type: list}`).
    `text` is what a person would call the words: body, caption, label of the tapped button.
    `payload` is the id behind a tap. `target_wamid` is the message a reaction, edit or revoke
    is about; `context_wamid` the one it answers.
    """

    waba_id: str
    phone_number_id: str
    wamid: str
    from_phone: str
    from_bsuid: str
    parent_bsuid: str
    profile_name: str
    username: str
    timestamp: datetime | None
    type: str
    content: Json
    context_wamid: str
    text: str
    payload: str
    target_wamid: str
    group_id: str
    is_forwarded: bool
    referral: Json | None
    errors: tuple[MetaError, ...]
    standby: bool
    raw: Json


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """Say what became of a message of ours. `participant`: who, in a group."""

    waba_id: str
    phone_number_id: str
    wamid: str
    status: str
    timestamp: datetime | None
    callback_data: str
    recipient_phone: str
    recipient_bsuid: str
    group_id: str
    participant: str
    errors: tuple[MetaError, ...]
    pricing: Pricing | None
    conversation: ConversationInfo | None
    standby: bool
    raw: Json


@dataclass(frozen=True, slots=True)
class Echo:
    """Say that somebody of the business wrote outside this product (the app, or an agent)."""

    waba_id: str
    phone_number_id: str
    wamid: str
    to_phone: str
    to_bsuid: str
    timestamp: datetime | None
    type: str
    content: Json
    text: str
    standby: bool
    raw: Json


@dataclass(frozen=True, slots=True)
class UserPreference:
    """Say that a person changed a preference: `value` is stop, resume or signup."""

    waba_id: str
    phone_number_id: str
    phone: str
    bsuid: str
    category: str
    value: str
    detail: str
    signup_id: str
    timestamp: datetime | None
    raw: Json


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """Say that a person has another number, user id or security code.

    `kind`: user_changed_number, user_changed_user_id, customer_identity_changed. What did not
    change or was not told is empty.
    """

    waba_id: str
    phone_number_id: str
    kind: str
    old_phone: str
    new_phone: str
    old_bsuid: str
    new_bsuid: str
    identity_hash: str
    wamid: str
    timestamp: datetime | None
    raw: Json


@dataclass(frozen=True, slots=True)
class TemplateEvent:
    """Say that something about a template changed at Meta.

    `kind`: status, quality, components, category, correct_category. `event` is Meta's word
    (APPROVED, PAUSED, ...) or the new quality. `category` is the one in force after this event,
    `upcoming_category` the one Meta will put it in at `effective_at`.
    """

    waba_id: str
    kind: str
    template_id: str
    name: str
    language: str
    event: str
    reason: str
    category: str
    previous_category: str
    upcoming_category: str
    effective_at: datetime | None
    quality: str
    previous_quality: str
    title: str
    description: str
    timestamp: datetime | None
    raw: Json


@dataclass(frozen=True, slots=True)
class SenderEvent:
    """Say that something about a phone number of ours changed.

    `kind`: quality, throughput, name, username, security. `event` is Meta's word.
    `messaging_limit` is a TIER_ word, of the portfolio.
    """

    waba_id: str
    phone_number_id: str
    display_phone_number: str
    kind: str
    event: str
    messaging_limit: str
    previous_limit: str
    name: str
    reason: str
    timestamp: datetime | None
    raw: Json


@dataclass(frozen=True, slots=True)
class Restriction:
    """Hold one restriction of an account."""

    type: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """Say that something about a WhatsApp account changed.

    `kind`: capability, update, alert, review, payment, flow, partner. `event` is Meta's word.
    `waba_id` of a partner event is a portfolio id. `messaging_limit`: TIER_ word or number.
    """

    waba_id: str
    kind: str
    event: str
    messaging_limit: str
    detail: str
    severity: str
    restrictions: tuple[Restriction, ...]
    timestamp: datetime | None
    raw: Json


@dataclass(frozen=True, slots=True)
class Handover:
    """Say that a conversation passed between Meta Business Agent and people."""

    waba_id: str
    phone_number_id: str
    phone: str
    bsuid: str
    kind: str
    previous_owner: str
    new_owner: str
    timestamp: datetime | None
    raw: Json


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """Hold one message from before the number was connected. `status` is Meta's word."""

    thread: str
    outbound: bool
    wamid: str
    timestamp: datetime | None
    type: str
    content: Json
    text: str
    status: str
    raw: Json


@dataclass(frozen=True, slots=True)
class HistoryChunk:
    """Hold a part of the history of a number shared with the WhatsApp Business app."""

    waba_id: str
    phone_number_id: str
    phase: int | None
    chunk_order: int | None
    progress_percent: int | None
    messages: tuple[HistoryMessage, ...]


@dataclass(frozen=True, slots=True)
class AppStateSync:
    """Say that a contact was added to or removed from the WhatsApp Business app."""

    waba_id: str
    phone_number_id: str
    phone: str
    full_name: str
    first_name: str
    action: str
    timestamp: datetime | None
    raw: Json


@dataclass(frozen=True, slots=True)
class ValueErrors:
    """Report errors of the number, the account or the app, tied to no message."""

    waba_id: str
    phone_number_id: str
    field: str
    errors: tuple[MetaError, ...]
    raw: Json


@dataclass(frozen=True, slots=True)
class UnknownItem:
    """Keep what this version does not know or cannot read. Not an error."""

    waba_id: str
    phone_number_id: str
    field: str
    type: str
    raw: Any


Notification = (
    InboundMessage
    | StatusUpdate
    | Echo
    | UserPreference
    | IdentityChange
    | TemplateEvent
    | SenderEvent
    | AccountEvent
    | Handover
    | HistoryChunk
    | AppStateSync
    | ValueErrors
    | UnknownItem
)
