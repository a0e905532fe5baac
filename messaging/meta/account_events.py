"""Read what Meta says about our templates, numbers and accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from messaging.meta.facts import (
    AccountEvent,
    Json,
    Notification,
    Restriction,
    SenderEvent,
    TemplateEvent,
)
from messaging.meta.reading import object_of, objects_of, phone_of, text_of, time_of
from messaging.meta.scope import Scope


def _template(scope: Scope, value: dict[str, Any]) -> list[Notification]:
    """Read a template event. Meta's samples mix the fields up, so the keys decide the kind."""
    other, rejection = object_of(value.get("other_info")), object_of(value.get("rejection_info"))
    quality = text_of(value.get("new_quality_score")).upper()
    category, upcoming = _categories(value)
    return [
        TemplateEvent(
            waba_id=scope.waba_id,
            kind=_template_kind(scope.field, value),
            template_id=text_of(value.get("message_template_id")),
            name=text_of(value.get("message_template_name")),
            language=text_of(value.get("message_template_language")).replace("-", "_"),
            event=text_of(value.get("event")).upper() or quality,
            reason=_reason(value),
            category=category,
            previous_category=text_of(value.get("previous_category")).upper(),
            upcoming_category=upcoming,
            effective_at=time_of(value.get("category_update_timestamp")),
            quality=quality,
            previous_quality=text_of(value.get("previous_quality_score")).upper(),
            title=text_of(other.get("title")),
            description=text_of(other.get("description")) or _rejection(rejection),
            timestamp=scope.sent_at,
            raw=value,
        )
    ]


def _template_kind(field: str, value: Json) -> str:
    if "new_quality_score" in value:
        return "quality"
    if "message_template_element" in value or field == "message_template_components_update":
        return "components"
    if field == "template_correct_category_detection":
        return "correct_category"
    if "new_category" in value or field == "template_category_update":
        return "category"
    return "status"


def _categories(value: Json) -> tuple[str, str]:
    """Return the category now and the one to come.

    In the notice 24 hours ahead `new_category` is still the present one and `correct_category`
    the one to come; in the announcement afterwards `new_category` is the new one.
    """
    now = value.get("new_category") or value.get("message_template_category")
    now = now or value.get("category")
    return text_of(now).upper(), text_of(value.get("correct_category")).upper()


def _reason(value: Json) -> str:
    reason = text_of(value.get("reason")).upper()
    return "" if reason == "NONE" else reason


def _rejection(info: Json) -> str:
    parts = (text_of(info.get("reason")), text_of(info.get("recommendation")))
    return " ".join(part for part in parts if part)


def _sender(kind: str, event_key: str) -> Callable[[Scope, dict[str, Any]], list[Notification]]:
    def read(scope: Scope, value: dict[str, Any]) -> list[Notification]:
        event = text_of(value.get(event_key)).upper()
        limit = value.get("max_daily_conversations_per_business") or value.get("current_limit")
        return [
            SenderEvent(
                waba_id=scope.waba_id,
                phone_number_id=scope.phone_number_id,
                display_phone_number=phone_of(value.get("display_phone_number"))
                or phone_of(scope.display_phone_number),
                kind="throughput" if event.startswith("THROUGHPUT") else kind,
                event=event,
                messaging_limit=text_of(limit),
                previous_limit=text_of(value.get("old_limit")),
                name=text_of(value.get("requested_verified_name"))
                or text_of(value.get("username")),
                reason=text_of(value.get("rejection_reason")) or phone_of(value.get("requester")),
                timestamp=scope.sent_at,
                raw=value,
            )
        ]

    return read


def _account(kind: str, event_key: str) -> Callable[[Scope, dict[str, Any]], list[Notification]]:
    def read(scope: Scope, value: dict[str, Any]) -> list[Notification]:
        alert = object_of(value.get("alert_info"))
        limit = value.get("max_daily_conversations_per_business")
        limit = limit if limit is not None else value.get("max_daily_conversation_per_phone")
        return [
            AccountEvent(
                waba_id=_account_id(scope, value),
                kind=kind,
                event=text_of(value.get(event_key) or alert.get("alert_type")),
                messaging_limit=text_of(limit),
                detail=_account_detail(value, alert),
                severity=text_of(alert.get("alert_severity")),
                restrictions=_restrictions(value.get("restriction_info")),
                timestamp=scope.sent_at,
                raw=value,
            )
        ]

    return read


def _account_id(scope: Scope, value: Json) -> str:
    return text_of(object_of(value.get("waba_info")).get("waba_id")) or scope.waba_id


def _account_detail(value: Json, alert: Json) -> str:
    ban = object_of(value.get("ban_info"))
    candidates = (
        alert.get("alert_description"),
        object_of(value.get("violation_info")).get("violation_type"),
        " ".join(text_of(ban.get(key)) for key in ("waba_ban_state", "waba_ban_date")).strip(),
        object_of(value.get("disconnection_info")).get("reason"),
        value.get("message"),
        value.get("status"),
    )
    return next((text_of(found) for found in candidates if found), "")


def _restrictions(rows: Any) -> tuple[Restriction, ...]:
    return tuple(
        Restriction(text_of(row.get("restriction_type")), time_of(row.get("expiration")))
        for row in objects_of(rows)
    )


READERS: Final = {
    "message_template_status_update": _template,
    "message_template_quality_update": _template,
    "message_template_components_update": _template,
    "template_category_update": _template,
    "template_correct_category_detection": _template,
    "phone_number_quality_update": _sender("quality", "event"),
    "phone_number_name_update": _sender("name", "decision"),
    "business_username_update": _sender("username", "status"),
    "business_username_updates": _sender("username", "status"),
    "security": _sender("security", "event"),
    "business_capability_update": _account("capability", "event"),
    "account_update": _account("update", "event"),
    "account_alerts": _account("alert", "event"),
    "account_review_update": _account("review", "decision"),
    "payment_configuration_update": _account("payment", "status"),
    "partner_solutions": _account("partner", "event"),
    "flows": _account("flow", "event"),
}
