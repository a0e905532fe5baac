"""List Meta's error codes: the one table. Nothing else in the product compares codes.

Meanings: Meta's Cloud API error page (read 2026-09-11), Meta's page of December 2025 for codes
since removed, and pywa 4.4.0 for the rest. Classes are our judgement. Titles and wording of
Meta's own are not stable, so the sentences here are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ErrorClass(StrEnum):
    """Say what the pump does about a failure."""

    RETRY = "retry"
    SLOW_PAIR = "slow_pair"
    SLOW_SENDER = "slow_sender"
    SLOW_ACCOUNT = "slow_account"
    SLOW_APP = "slow_app"
    STOP = "stop"
    STOP_RECIPIENT = "stop_recipient"
    PAUSE_SENDER = "pause_sender"
    PAUSE_TEMPLATE = "pause_template"
    FIX_CREDENTIALS = "fix_credentials"
    FIX_REQUEST = "fix_request"


AUTOMATIC: Final = frozenset(
    {
        ErrorClass.RETRY,
        ErrorClass.SLOW_PAIR,
        ErrorClass.SLOW_SENDER,
        ErrorClass.SLOW_ACCOUNT,
        ErrorClass.SLOW_APP,
    }
)
_AFTER_REPAIR: Final = frozenset(
    {ErrorClass.PAUSE_SENDER, ErrorClass.PAUSE_TEMPLATE, ErrorClass.FIX_CREDENTIALS}
)


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Describe one code for operators and for the pump.

    `retryable`: the same message may succeed later, by itself or once the cause is removed; an
    operator may ask for it. `automatic`: the pump may send it again without being asked.
    `whole_account`: a pause covers every number of the WhatsApp account, not one.
    `wait_seconds`: the least time before another try, whoever asks. `max_attempts`: fewer than
    usual.
    """

    code: int | None
    title: str
    advice: str
    klass: ErrorClass
    reason: str
    retryable: bool
    wait_seconds: float = 0.0
    max_attempts: int | None = None
    whole_account: bool = False
    source: str = ""

    @property
    def automatic(self) -> bool:
        return self.klass in AUTOMATIC


def _info(
    code: int | None,
    klass: ErrorClass,
    title: str,
    advice: str,
    *,
    reason: str = "",
    retryable: bool | None = None,
    wait_seconds: float = 0.0,
    max_attempts: int | None = None,
    whole_account: bool = False,
    source: str = "Meta error page, 2026-09-11",
) -> ErrorInfo:
    if retryable is None:
        retryable = klass in AUTOMATIC or klass in _AFTER_REPAIR
    return ErrorInfo(
        code=code,
        title=title,
        advice=advice,
        klass=klass,
        reason=reason or klass.value,
        retryable=retryable,
        wait_seconds=wait_seconds,
        max_attempts=max_attempts,
        whole_account=whole_account,
        source=source,
    )


_E = ErrorClass
_DEC_2025 = "Meta error page, 2025-12"
_PYWA = "pywa 4.4.0"
_FIELD = "field experience, not in Meta's page"

_RENEW = "Issue a new access token for the WhatsApp account and save it here."
_PERMISSION = "Grant the app and its system user the WhatsApp permissions in Meta Business."
_REPORT = "Correct the message or template. If it looks right, report it as a fault."
_WAIT = "Nothing to do: sending slows down and goes on by itself."

_ROWS = (
    # authentication and permission
    _info(0, _E.FIX_CREDENTIALS, "The access token is not accepted", _RENEW),
    _info(3, _E.FIX_CREDENTIALS, "The app lacks a capability", _PERMISSION),
    _info(10, _E.FIX_CREDENTIALS, "A permission is missing or was removed", _PERMISSION),
    _info(102, _E.FIX_CREDENTIALS, "The session is not valid", _RENEW),
    _info(104, _E.FIX_CREDENTIALS, "The access token is missing", _RENEW),
    _info(190, _E.FIX_CREDENTIALS, "The access token has expired or was revoked", _RENEW),
    _info(131005, _E.FIX_CREDENTIALS, "Access denied", _PERMISSION),
    # Meta's own trouble
    _info(
        1,
        _E.RETRY,
        "Meta reported an unknown error",
        "It is tried again a few times. If it keeps failing, check the message.",
        max_attempts=3,
    ),
    _info(2, _E.RETRY, "Meta's service is down or overloaded", _WAIT),
    _info(131000, _E.RETRY, "Meta could not send the message", _WAIT, max_attempts=4),
    _info(131016, _E.RETRY, "Meta's service is unavailable", _WAIT),
    _info(131057, _E.RETRY, "The number is in maintenance for a minute", _WAIT, wait_seconds=60.0),
    _info(133004, _E.RETRY, "Meta's server is unavailable", _WAIT),
    _info(2494100, _E.RETRY, "The number is in maintenance", _WAIT, wait_seconds=120.0),
    _info(
        133000,
        _E.RETRY,
        "An earlier deregistration is not complete",
        "Deregister the number again, then register it.",
        max_attempts=3,
    ),
    _info(139103, _E.RETRY, "The block list could not be changed", _WAIT, max_attempts=3),
    # limits
    _info(4, _E.SLOW_APP, "The app's limit of API calls is reached", _WAIT, wait_seconds=60.0),
    _info(613, _E.SLOW_APP, "A rate limit is reached", _WAIT, wait_seconds=60.0, source=_FIELD),
    _info(
        80007,
        _E.SLOW_ACCOUNT,
        "The WhatsApp account's limit of API calls is reached",
        "Nothing to do: it lifts within the hour. Sync templates less often.",
        wait_seconds=300.0,
    ),
    _info(
        80008,
        _E.SLOW_ACCOUNT,
        "The WhatsApp account's limit of API calls is reached",
        "Nothing to do: it lifts within the hour.",
        wait_seconds=300.0,
        source=_FIELD,
    ),
    _info(130429, _E.SLOW_SENDER, "The number sends faster than Meta allows", _WAIT),
    _info(131056, _E.SLOW_PAIR, "Too many messages to this person in a short time", _WAIT),
    _info(
        132069,
        _E.RETRY,
        "The flow is throttled: 10 messages an hour",
        "Repair the flow's endpoint. Messages with this flow go out slowly until then.",
        wait_seconds=3600.0,
    ),
    _info(
        134101,
        _E.RETRY,
        "The template is still being prepared for marketing messages",
        "Nothing to do: it takes up to ten minutes.",
        wait_seconds=600.0,
    ),
    _info(
        133015,
        _E.RETRY,
        "The number was deleted a moment ago",
        "Nothing to do: it can be used five minutes after the deletion.",
        wait_seconds=300.0,
    ),
    _info(
        133008,
        _E.STOP,
        "Too many wrong PINs",
        "Wait for the time Meta names, then enter the right two-step PIN.",
        retryable=True,
    ),
    _info(
        133009,
        _E.STOP,
        "The PIN was entered too fast",
        "Wait for the time Meta names, then enter the two-step PIN again.",
        retryable=True,
    ),
    _info(
        133016,
        _E.STOP,
        "The number was registered or deregistered too often",
        "Wait 72 hours before registering it again.",
        retryable=True,
    ),
    # the sending number or its account
    _info(
        33,
        _E.PAUSE_SENDER,
        "The number does not exist or is not visible to the token",
        "Check the number's id, and that the token's system user has the WhatsApp account.",
    ),
    _info(
        368,
        _E.PAUSE_SENDER,
        "Meta has restricted the WhatsApp account for a policy violation",
        "Open Account quality in Meta Business and appeal or wait.",
        whole_account=True,
    ),
    _info(
        131031,
        _E.PAUSE_SENDER,
        "Meta has locked the WhatsApp account",
        "Open Account quality in Meta Business, or check the two-step PIN.",
        whole_account=True,
    ),
    _info(
        131037,
        _E.PAUSE_SENDER,
        "The number's display name is not approved",
        "Have the display name approved in WhatsApp Manager.",
    ),
    _info(
        131042,
        _E.PAUSE_SENDER,
        "Meta cannot bill the WhatsApp account",
        "Settle the payment method in Meta Business, then resume the senders.",
        whole_account=True,
    ),
    _info(
        131044,
        _E.PAUSE_SENDER,
        "Meta cannot bill the calls of the WhatsApp account",
        "Settle the payment method in Meta Business.",
        whole_account=True,
        source=_PYWA,
    ),
    _info(
        131045,
        _E.PAUSE_SENDER,
        "The number's registration is broken",
        "Register the number again.",
    ),
    _info(
        131048,
        _E.PAUSE_SENDER,
        "Meta restricts the number because people block or report it",
        "Send less and only to people who expect it; watch the number's quality.",
    ),
    _info(
        131064,
        _E.PAUSE_SENDER,
        "Meta limits the account because templates were put in the wrong category",
        "Nothing to send until it lifts by itself; check the templates' categories.",
        whole_account=True,
    ),
    _info(133010, _E.PAUSE_SENDER, "The number is not registered", "Register the number."),
    # the template
    _info(
        131063,
        _E.PAUSE_TEMPLATE,
        "Marketing templates are switched off for this account's Cloud API",
        "Switch them on again in the WhatsApp account's settings.",
    ),
    _info(
        132001,
        _E.PAUSE_TEMPLATE,
        "The template does not exist in this language or is not approved",
        "Sync the templates and check name and language.",
        reason="template_not_approved",
    ),
    _info(
        132007,
        _E.PAUSE_TEMPLATE,
        "The template's content breaks a rule of Meta's",
        "Change the template and submit it again.",
    ),
    _info(
        132015,
        _E.PAUSE_TEMPLATE,
        "Meta has paused the template for low quality",
        "Wait until Meta resumes it, or improve it and submit the new version.",
        reason="template_paused",
    ),
    _info(
        132016,
        _E.PAUSE_TEMPLATE,
        "Meta has disabled the template for good",
        "Write a new template.",
        reason="template_paused",
        retryable=False,
    ),
    _info(
        132068,
        _E.PAUSE_TEMPLATE,
        "Meta has blocked the template's flow",
        "Repair the flow and publish it again.",
    ),
    # the recipient
    _info(
        130403,
        _E.STOP_RECIPIENT,
        "This person is blocked by your business",
        "Unblock the person first.",
        reason="blocked",
    ),
    _info(
        131026,
        _E.STOP_RECIPIENT,
        "The message cannot be delivered to this number",
        "The number may not be on WhatsApp, use an old version, or have blocked you. "
        "Check the number; do not keep trying.",
        reason="undeliverable",
    ),
    _info(
        131049,
        _E.STOP_RECIPIENT,
        "Meta held the marketing message back: this person receives enough of them",
        "Wait at least 24 hours before marketing to this person again. United States numbers "
        "get no marketing templates.",
        reason="marketing_cap",
        retryable=True,
        wait_seconds=86400.0,
    ),
    _info(
        131050,
        _E.STOP_RECIPIENT,
        "This person has stopped marketing messages from your business",
        "Respect it: marketing is now off for this person.",
        reason="opted_out",
    ),
    _info(
        137000,
        _E.STOP,
        "The person's WhatsApp identity has changed",
        "Make sure it is still the same person before sending again.",
        reason="identity_changed",
    ),
    _info(
        130472,
        _E.STOP,
        "This person is in an experiment of Meta's and gets no marketing message",
        "Do not send it again. It is not charged.",
        reason="experiment",
    ),
    # this message
    _info(
        130497,
        _E.STOP,
        "The account may not message this country",
        "Check the countries Meta allows for your line of business.",
        reason="country",
    ),
    _info(131021, _E.STOP, "Sender and recipient are the same number", "Choose another recipient."),
    _info(
        131030,
        _E.STOP,
        "The recipient is not on the test number's list",
        "Add the recipient to the list in the Meta app, or use a real number.",
    ),
    _info(
        131047,
        _E.STOP,
        "More than 24 hours have passed since this person wrote",
        "Send an approved template instead.",
        reason="outside_service_window",
    ),
    _info(
        131052,
        _E.STOP,
        "A file this person sent could not be downloaded",
        "Ask the person to send it again, smaller than 100 MB.",
    ),
    _info(
        131060,
        _E.STOP,
        "Meta cannot show this message",
        "Open the chat in the WhatsApp Business app to read it.",
        source=_PYWA,
    ),
    _info(
        131062,
        _E.STOP,
        "This message needs a phone number",
        "Authentication templates cannot be sent to a user id. Ask for the phone number.",
        reason="phone_needed",
    ),
    _info(
        131035,
        _E.STOP,
        "Meta lost a notification of a number without storage",
        "Check the webhook's availability: such numbers get no repetition.",
    ),
    _info(
        131036,
        _E.STOP,
        "Meta did not honour a retry of a number without storage",
        "Check the webhook's availability.",
    ),
    _info(133005, _E.STOP, "The two-step PIN is wrong", "Enter the right PIN or reset it at Meta."),
    _info(133006, _E.STOP, "The number is not verified", "Verify the number by SMS or call first."),
    _info(
        134011, _E.STOP, "The payments terms are not accepted", "Accept the terms in Meta Business."
    ),
    _info(
        134102,
        _E.STOP,
        "The template is not available for marketing messages",
        "Send it by the ordinary Cloud API.",
    ),
    _info(139100, _E.STOP, "Some people could not be blocked", "See the rows that failed."),
    _info(
        139101, _E.STOP, "The block list is full", "Unblock someone first: the list holds 64,000."
    ),
    _info(139102, _E.STOP, "The block list was changed at the same time", "Try again."),
    _info(
        1752041, _E.STOP, "Onboarding to marketing messages was already requested", "Nothing to do."
    ),
    _info(
        200005,
        _E.STOP,
        "Template insights are not available",
        "Not available for this account.",
        source=_DEC_2025,
    ),
    _info(
        200006,
        _E.STOP,
        "Template insights cannot be switched off",
        "Nothing to do.",
        source=_DEC_2025,
    ),
    _info(
        200007,
        _E.STOP,
        "Template insights are not switched on",
        "Switch them on in WhatsApp Manager.",
        source=_DEC_2025,
    ),
    # the request
    _info(100, _E.FIX_REQUEST, "A parameter is invalid", _REPORT),
    _info(131008, _E.FIX_REQUEST, "A required parameter is missing", _REPORT),
    _info(131009, _E.FIX_REQUEST, "A parameter has a value Meta does not accept", _REPORT),
    _info(
        131014,
        _E.FIX_REQUEST,
        "Meta could not fetch the media link",
        "Check that the link is public, or upload the file instead.",
        source="fixtures of other systems",
    ),
    _info(131051, _E.FIX_REQUEST, "This type of message is not supported", _REPORT),
    _info(
        131053,
        _E.FIX_REQUEST,
        "Meta could not use the media file",
        "Check the file's type and size, or that its link is public; upload it instead of linking.",
    ),
    _info(
        131055,
        _E.FIX_REQUEST,
        "Only marketing templates may be sent this way",
        "Send it by the ordinary Cloud API.",
    ),
    _info(
        132000,
        _E.FIX_REQUEST,
        "The number of values differs from the template's variables",
        "Sync the template and fill every variable.",
    ),
    _info(
        132005,
        _E.FIX_REQUEST,
        "The filled-in text is too long",
        "Shorten the values of the variables.",
    ),
    _info(
        132008,
        _E.FIX_REQUEST,
        "A value of a variable is invalid",
        "Check the values of the variables.",
        source=_PYWA,
    ),
    _info(
        132012,
        _E.FIX_REQUEST,
        "A value does not have the format the template asks for",
        "Check the values: no line breaks, tabs or long runs of spaces.",
    ),
    _info(
        132018,
        _E.FIX_REQUEST,
        "The values do not match the template's parts",
        "Sync the template and fill every variable.",
    ),
    _info(134100, _E.FIX_REQUEST, "Only marketing templates may be sent this way", _REPORT),
    _info(135000, _E.FIX_REQUEST, "Meta could not handle the message's parameters", _REPORT),
    # template management; these also come as subcodes of 100
    _info(
        2388019,
        _E.FIX_REQUEST,
        "The account has reached its number of templates",
        "Delete templates that are not used.",
    ),
    _info(
        2388024,
        _E.FIX_REQUEST,
        "A template of this name and language exists already",
        "Choose another name, or edit the existing one.",
    ),
    _info(
        2388039,
        _E.FIX_REQUEST,
        "The template cannot be changed in its present status",
        "Wait for Meta's review, then change it.",
    ),
    _info(2388040, _E.FIX_REQUEST, "A part of the template is too long", "Shorten it."),
    _info(2388047, _E.FIX_REQUEST, "The template's header is not valid", "Correct the header."),
    _info(
        2388072,
        _E.FIX_REQUEST,
        "The template's body is not valid",
        "Number the variables from {{1}} without gaps.",
    ),
    _info(2388073, _E.FIX_REQUEST, "The template's footer is not valid", "Correct the footer."),
    _info(
        2388293,
        _E.FIX_REQUEST,
        "The template has too many variables for its length",
        "Use fewer variables or write more text.",
    ),
    _info(
        2388299,
        _E.FIX_REQUEST,
        "The template's body starts or ends with a variable",
        "Put text before the first and after the last variable.",
    ),
)

# (first, last, what it is about): codes with no row of their own.
_RANGES = (
    (200, 299, _E.FIX_CREDENTIALS, "A permission is not granted", _PERMISSION),
    (131020, 131020, _E.STOP, "The group message was refused", _REPORT),
    (131041, 131041, _E.STOP, "The group message was refused", _REPORT),
    (131059, 131059, _E.STOP, "The group message was refused", _REPORT),
    (131201, 131215, _E.STOP, "The group message was refused", _REPORT),
    (138000, 138018, _E.STOP, "The call was refused", _REPORT),
    (139000, 139004, _E.STOP, "The flow message was refused", "Check the flow in Meta."),
    (147000, 147004, _E.STOP, "The username was refused", "Choose another username."),
    (2388000, 2388999, _E.FIX_REQUEST, "Meta refused the template or number", _REPORT),
    (2593107, 2593109, _E.STOP, "The history of the WhatsApp Business app is not shared", _REPORT),
)

# Codes whose subcode says more. 100/33: the object is gone or not visible to the token.
_SUBCODES = {(100, 33): 33}

CODES: Final[dict[int, ErrorInfo]] = {row.code: row for row in _ROWS if row.code is not None}
THROTTLED = _info(None, _E.SLOW_SENDER, "Meta asks to slow down", _WAIT)
TRANSIENT = _info(None, _E.RETRY, "Meta could not be asked", _WAIT)


def describe(code: int | None, *, subcode: int | None = None) -> ErrorInfo:
    """Return what is known about a code of Meta's; unknown codes stop the message.

    A subcode with a row of its own (template management) says more than its code.
    """
    if code is None:
        return TRANSIENT
    if subcode is not None:
        code = _SUBCODES.get((code, subcode), code)
        if subcode >= 2_000_000 and code == 100:
            code = subcode
    return CODES.get(code) or _by_range(code)


def _by_range(code: int) -> ErrorInfo:
    for first, last, klass, title, advice in _RANGES:
        if first <= code <= last:
            return _info(code, klass, title, advice)
    return _info(
        code,
        _E.STOP,
        f"Meta refused the message (code {code})",
        "This code is not known here. Read Meta's error page, then send again if it makes sense.",
        source="unknown code",
    )
