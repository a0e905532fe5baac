"""Meta's errors: titles, HTTP statuses, and the envelope they travel in."""

from typing import Any

import orjson

Json = dict[str, Any]

TITLES = {
    1: "API Unknown",
    2: "API Service",
    4: "Application request limit reached",
    10: "Application does not have permission for this action",
    100: "Invalid parameter",
    190: "Error validating access token: the session has been invalidated",
    80007: "There have been too many calls to this WhatsApp Business account",
    130429: "Rate limit hit",
    130472: "User's number is part of an experiment",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131021: "Recipient cannot be sender",
    131026: "Message undeliverable",
    131042: "Business eligibility payment issue",
    131047: "Re-engagement message",
    131048: "Spam rate limit hit",
    131049: "This message was not delivered to maintain healthy ecosystem engagement.",
    131050: "Unable to deliver the message. This recipient has chosen to stop receiving "
    "marketing messages on WhatsApp from your business",
    131051: "Message type unsupported",
    131053: "Media upload error",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    131062: "Recipient not allowed for this message",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    132005: "Translated text too long",
    132012: "Parameter format does not match format in the created template",
    132015: "Template is paused",
    132016: "Template is disabled",
    132018: "There was an issue with the parameters in your template",
    133010: "Phone number not registered",
}
STATUSES = {2: 503, 10: 403, 190: 401, 131000: 500, 131016: 500, 132001: 404}
STATUSES |= dict.fromkeys((4, 80007, 130429, 131056), 429)
DETAILS = {
    130429: "Cloud API message throughput has been reached.",
    130472: "Failed to send message because this user's phone number is part of an experiment",
    131026: "Message Undeliverable.",
    131047: "Message failed to send because more than 24 hours have passed since the customer "
    "last replied to this number.",
    131056: "Message failed to send because there were too many messages sent from this phone "
    "number to the same phone number in a short period of time.",
}
HREF = (
    "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"
)


class MetaError(Exception):
    """Refuse a request the way Meta does."""

    def __init__(
        self, code: int, details: str = "", *, subcode: int | None = None, status: int | None = None
    ) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details or DETAILS.get(code, "")
        self.subcode = subcode
        self.status = status or STATUSES.get(code, 400)

    def body(self, trace_id: str) -> bytes:
        """Return Meta's error envelope."""
        error: Json = {
            "message": f"(#{self.code}) {title(self.code)}",
            "type": "OAuthException",
            "code": self.code,
        }
        if self.code == 100 and self.details:
            error["message"] = f"(#100) {self.details}"
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        error["fbtrace_id"] = trace_id
        return orjson.dumps({"error": error})


def title(code: int) -> str:
    """Return the title Meta gives the code."""
    return TITLES.get(code, "Something went wrong")


def missing(parameter: str) -> MetaError:
    """Return the refusal for a parameter that is not there."""
    return MetaError(131008, f"Required parameter is missing: {parameter}")


def invalid(parameter: str, why: str = "") -> MetaError:
    """Return the refusal for a parameter with a value Meta does not take."""
    details = f"Parameter value is not valid: {parameter}"
    return MetaError(131009, f"{details}. {why}" if why else details)


def unknown_object(object_id: str, verb: str = "post") -> MetaError:
    """Return what Meta says about an id it does not know or the token may not see."""
    details = (
        f"Unsupported {verb} request. Object with ID '{object_id}' does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation"
    )
    return MetaError(100, details, subcode=33)


def asynchronous(code: int) -> Json:
    """Return the error as it stands in a webhook."""
    return {
        "code": code,
        "title": title(code),
        "message": title(code),
        "error_data": {"details": DETAILS.get(code) or title(code)},
        "href": HREF,
    }
