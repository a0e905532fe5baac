"""Log lines: structured, joined by request id, and free of personal data.

Log ids as fields. What slips through anyway is cut here: values of fields that hold content
or secrets, and, inside any text, phone numbers and tokens.
"""

import logging
import re
import string
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from datetime import date
from typing import Any, Final
from urllib.parse import quote, unquote

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

REDACTED: Final = "[redacted]"

_SECRET_FIELDS = frozenset(
    {
        "access_token",
        "api_key",
        "authorization",
        "body",
        "caption",
        "content",
        "cookie",
        "cookies",
        "data",
        "display_phone_number",
        "email",
        "from",
        "input",
        "otp",
        "password",
        "payload",
        "phone",
        "phone_number",
        "recipient",
        "recipient_id",
        "refresh",
        "secret",
        "text",
        "to",
        "token",
        "wa_id",
        "x-api-key",
    }
)
_PERSONAL_PARAMETERS = (
    r"[\w.-]{0,40}(?:token|secret|password|signature|credential|api_?key|phone|phone_number|mail)"
    r"|q|search|query|text|name|wa_id|recipient"
)
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w-])"
_SECRET_SEGMENT = rf"(?!{_UUID})[^/?#&\s\"'<>]{{16,}}"
# What is kept of an address: the name of a parameter, the place a link leads to.
_ADDRESS_PATTERNS = (
    re.compile(rf"(?i)([?&=](?:{_PERSONAL_PARAMETERS})(?:__\w{{1,20}})?=)[^&#\s\"'<>]+"),
    re.compile(
        rf"(?i)(/(?:invitation|reset|confirm|activate|download|unsubscribe)/){_SECRET_SEGMENT}"
    ),
    re.compile(rf"(?i)(/(?:password[-_])?reset/)[^/\s]{{1,64}}/{_SECRET_SEGMENT}"),
)
_UUID_GROUPS = tuple(f"[0-9a-fA-F]{{{length}}}" for length in (8, 4, 4, 4, 12))
# Put before a pattern, it does not match where a group of a whole UUID begins.
NOT_IN_A_UUID = "".join(
    rf"(?!(?<=\b{''.join(f'{one}-' for one in _UUID_GROUPS[:number])})"
    rf"{'-'.join(_UUID_GROUPS[number:])}(?!\w))"
    for number in range(len(_UUID_GROUPS))
)
_PATTERNS = (
    re.compile(r"\bEAA[A-Za-z0-9]{10,}"),
    re.compile(r"\bsb_[A-Za-z0-9]+_[\w-]{16,}"),
    re.compile(r"(?i)\b(?:bearer|api-key|basic)\s+[^\s\"',;]+"),
    re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"),
    # What Django's signer makes: a value, perhaps its time, the signature.
    re.compile(r"(?<![\w.-])[\w.-]+(?::\w+)?:[\w-]{43}(?![\w-])"),
    re.compile(rf"(?:\+|%2B|\b{NOT_IN_A_UUID}00)\d(?:[ ().+-]{{0,2}}\d){{6,14}}(?!\w)"),
)
_BARE_PHONE = re.compile(r"(?<![\w.-])\d{10,14}(?![\w:-]|\.\d)")
_RUN = re.compile(r"[^\s\"'<>]+")
_MOST_ENCODINGS = 4
_ID_FIELD = re.compile(r"(?:^|_)ids?$")
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
# Nothing that may be a phone number or an address: it stands in the audit trail for good.
_REQUEST_ID = re.compile(rf"{_UUID}|(?!.*[0-9]{{7}})[A-Za-z0-9._-]{{1,64}}")
_DEEPEST = 6


def redact(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Cut personal data and secrets out of an event; a structlog processor."""
    for field, value in event.items():
        event[field] = _clean(field, value, _DEEPEST)
    return event


def redact_text(text: str) -> str:
    """Cut phone numbers and tokens out of free text, percent-encoded ones too."""
    return _cut(_RUN.sub(_decoded_and_cut, text) if "%" in text else text)


def scrub_sentry(event: Any, hint: object) -> Any:
    """Clean an event on its way to Sentry: no request data, no local variables, no people."""
    for part in ("user", "server_name"):
        event.pop(part, None)
    if request := event.get("request"):
        event["request"] = {"method": request.get("method"), "url": request.get("url")}
    return _clean("event", event, 20)


def processors() -> list[structlog.typing.Processor]:
    """Return what every event passes through, ours and the standard library's."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.UnicodeDecoder(),
    ]


def settings_for(log_format: str, level: str) -> dict[str, Any]:
    """Configure structlog and return Django's `LOGGING` for "console" or "json" lines."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": processors(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    redact,
                    renderer,
                ],
            }
        },
        "filters": {"refusals": {"()": RefusalFilter}},
        "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stream"], "level": level},
        "loggers": {
            name: {"handlers": [], "level": quiet, "propagate": True}
            for name, quiet in _LIBRARY_LEVELS.items()
        }
        | {"django.request": {"filters": ["refusals"], "propagate": True}},
    }


class RefusalFilter(logging.Filter):
    """Leaves the traceback out of lines about refusals: a 403 or 404 is no failure of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass."""
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = None
        return True


class RequestIdMiddleware:
    """Accept a sane `X-Request-Id` or make one, and return it with the response."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Wrap the rest of the middleware; stands before django-structlog's."""
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Put the id where django-structlog reads it."""
        request_id = accepted_request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        request.META["HTTP_X_REQUEST_ID"] = request_id
        if not _REQUEST_ID.fullmatch(request.META.get("HTTP_X_CORRELATION_ID", "")):
            request.META.pop("HTTP_X_CORRELATION_ID", None)
        if iscoroutinefunction(self):
            return self._answer(request, request_id)
        return _tagged(self.get_response(request), request_id)

    async def _answer(self, request: HttpRequest, request_id: str) -> HttpResponseBase:
        return _tagged(await self.get_response(request), request_id)


def _tagged(response: HttpResponseBase, request_id: str) -> HttpResponseBase:
    response["X-Request-Id"] = request_id
    return response


def accepted_request_id(given: str) -> str:
    """Return the id a client sent if it is safe to print and to keep, else a new one."""
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


_LIBRARY_LEVELS = {
    "django": "INFO",
    "django.server": "WARNING",
    "celery": "INFO",
    "_granian": "INFO",
    "granian.access": "WARNING",
    "botocore": "WARNING",
    "axes": "WARNING",
}


def _cut(text: str) -> str:
    for pattern in _ADDRESS_PATTERNS:
        text = pattern.sub(rf"\1{REDACTED}", text)
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    return _BARE_PHONE.sub(REDACTED, text)


def _decoded_and_cut(run: re.Match[str]) -> str:
    given = plain = run[0]
    for _ in range(_MOST_ENCODINGS):
        encoded, plain = plain, unquote(plain)
        if plain == encoded:
            break
    else:
        return REDACTED
    cut = _cut(plain)
    return given if cut == plain else quote(cut, safe=string.punctuation, errors="replace")


def _clean(field: str, value: Any, depth: int) -> Any:
    if field.lower() in _SECRET_FIELDS:
        return REDACTED if value not in (None, "") else value
    if value is None or isinstance(value, bool | float | date):
        return value
    if isinstance(value, Mapping):
        return _clean_mapping(value, depth - 1) if depth else REDACTED
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(field, item, depth - 1) for item in value] if depth else REDACTED
    text = _text_of(value)
    if _ID_FIELD.search(field) and text.isdecimal():
        return value if isinstance(value, int) else text
    cut = redact_text(text)
    return value if isinstance(value, int) and cut == text else cut


def _clean_mapping(value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
    return {
        redact_text(name) if isinstance(name, str) else name: _clean(str(name), held, depth)
        for name, held in value.items()
    }


def _text_of(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    try:
        return str(value)
    except Exception:  # whatever it is, its line must be written
        return f"[{type(value).__name__}]"
