"""What webhooks say: statuses, inbound messages, news about accounts and templates."""

import time
from dataclasses import dataclass
from typing import Any

from config.dev.sandbox.accepted import Message
from config.dev.sandbox.addresses import name_of
from config.dev.sandbox.customers import Customer
from config.dev.sandbox.errors import Json, asynchronous
from config.dev.sandbox.world import Phone, Template


@dataclass(slots=True)
class Status:
    """A status of a message we accepted; rendered only when it is posted."""

    message: Message
    status: str
    at: int
    error_code: int | None = None

    @property
    def waba_id(self) -> str:
        """Return the account the message belongs to."""
        return self.message.phone.waba_id

    @property
    def key(self) -> str:
        """Return a key that is the same in every run for the same message."""
        message = self.message
        return f"{message.callback or message.address}:{self.status}"

    def change(self) -> Json:
        """Return the `changes[]` entry."""
        message = self.message
        status: Json = {"id": message.wamid, "status": self.status, "timestamp": str(self.at)}
        if message.wa_id:
            status["recipient_id"] = message.wa_id
        status["recipient_user_id"] = message.user_id
        if message.callback is not None:
            status["biz_opaque_callback_data"] = message.callback
        value = _value(message.phone)
        if self.error_code is not None:
            status["errors"] = [asynchronous(self.error_code)]
        else:
            value["contacts"] = [_contact(message.wa_id, message.user_id, message.name)]
        if self.status in ("sent", "delivered"):
            status["pricing"] = _pricing(message.category)
        value["statuses"] = [status]
        return {"value": value, "field": "messages"}


@dataclass(slots=True)
class News:
    """Any other change of an account."""

    waba_id: str
    field: str
    value: Json
    key: str = ""

    def change(self) -> Json:
        """Return the `changes[]` entry."""
        return {"value": self.value, "field": self.field}


def _value(phone: Phone) -> Json:
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": phone.digits, "phone_number_id": phone.id},
    }


def _contact(wa_id: str, user_id: str, name: str = "") -> Json:
    contact: Json = {"profile": {"name": name or name_of(wa_id or user_id)}}
    if wa_id:
        contact["wa_id"] = wa_id
    if user_id:
        contact["user_id"] = user_id
    return contact


def _pricing(category: str) -> Json:
    """Price templates as regular, and free-form messages as free: within the monthly allowance."""
    free = category == "service"
    return {
        "billable": not free,
        "pricing_model": "PMP",
        "type": "free_customer_service" if free else "regular",
        "category": category,
    }


def inbound(phone: Phone, customer: Customer, message: Json) -> News:
    """Return the webhook for what a customer wrote."""
    value = _value(phone)
    value["contacts"] = [_contact(customer.wa_id, customer.user_id, customer.name)]
    value["messages"] = [message]
    return News(phone.waba_id, "messages", value, key=str(message["id"]))


def marketing_preference(phone: Phone, customer: Customer, choice: str) -> News:
    """Return the webhook for stop or resume in WhatsApp's own settings."""
    value = _value(phone)
    value["contacts"] = [_contact(customer.wa_id, customer.user_id, customer.name)]
    preference: Json = {"wa_id": customer.wa_id} if customer.wa_id else {}
    if customer.user_id:
        preference["user_id"] = customer.user_id
    preference |= {
        "detail": f"User requested to {choice} marketing messages",
        "category": "marketing_messages",
        "value": choice,
        "timestamp": int(time.time()),
    }
    value["user_preferences"] = [preference]
    return News(phone.waba_id, "user_preferences", value, key=f"{customer.key}:{choice}")


def template_status(template: Template, event: str, reason: str | None = "NONE") -> News:
    """Return the webhook for a template that changed its status."""
    value: dict[str, Any] = {
        "event": event,
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "reason": reason,
        "message_template_category": template.category,
    }
    if event == "REJECTED":
        value["rejection_info"] = {
            "reason": f"The template was rejected: {reason}.",
            "recommendation": "Change the text and submit it again.",
        }
    key = f"{template.name}:{template.language}:{event}"
    return News(template.waba_id, "message_template_status_update", value, key=key)
