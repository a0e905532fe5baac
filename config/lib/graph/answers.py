"""What Meta answered: its body, its error envelope, how long it wants to be left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from config.lib.graph.failures import ErrorBody, GraphError, OutcomeUnknown


@dataclass(frozen=True, slots=True)
class GraphResponse:
    """Carry an answer of Meta's with a status below 400."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body. Raises `OutcomeUnknown` when it is not JSON (cut off, or a proxy's)."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise OutcomeUnknown("The answer is not JSON.", status=self.status) from error


# 408 and 499 are answers of proxies that gave up waiting: Meta may still have the request.
_GAVE_UP_WAITING = frozenset({408, 499})


def checked(method: str, response: GraphResponse) -> GraphResponse:
    """Return an answer below 300; raise the failure that any other one means."""
    status = response.status
    if status < 300:
        return response
    error = parse_error(response.body)
    unanswered = status < 400 or status >= 500 or status in _GAVE_UP_WAITING
    if error.code is None and unanswered and method not in {"GET", "HEAD"}:
        raise OutcomeUnknown(f"HTTP {status} without an error body", status=status)
    raise GraphError(status, error, retry_after=_retry_after(response.headers))


def parse_error(body: bytes) -> ErrorBody:
    """Read Meta's error envelope; an empty `ErrorBody` when there is none.

    `error_data` is an object for messaging calls, a string or absent for management calls.
    Source: Meta's error page, September 2026.
    """
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ErrorBody()
    error = envelope.get("error") if isinstance(envelope, dict) else None
    if not isinstance(error, dict):
        return ErrorBody()
    data = error.get("error_data")
    return ErrorBody(
        code=_integer(error.get("code")),
        subcode=_integer(error.get("error_subcode")),
        message=_text(error.get("message")),
        details=_text(data.get("details") if isinstance(data, dict) else data),
        user_title=_text(error.get("error_user_title")),
        user_message=_text(error.get("error_user_msg")),
        fbtrace_id=_text(error.get("fbtrace_id")),
        is_transient=error.get("is_transient") is True,
        raw=error,
    )


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long to wait, in seconds: `Retry-After`, else Meta's usage header (minutes)."""
    header = headers.get("Retry-After")
    if header:
        return _retry_after_seconds(header)
    usage = headers.get("x-business-use-case-usage")
    if not usage:
        return None
    minutes = _regain_minutes(usage)
    return minutes * 60.0 if minutes else None


def _retry_after_seconds(header: str) -> float | None:
    if header.strip().isdigit():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _regain_minutes(usage: str) -> float:
    try:
        parsed = orjson.loads(usage)
    except orjson.JSONDecodeError:
        return 0.0
    if not isinstance(parsed, dict):
        return 0.0
    rows = [row for rows in parsed.values() if isinstance(rows, list) for row in rows]
    waits = [row.get("estimated_time_to_regain_access") for row in rows if isinstance(row, dict)]
    return max((float(w) for w in waits if isinstance(w, int | float)), default=0.0)
