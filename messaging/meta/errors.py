"""Turn failures of Meta's into named errors the pump can act on.

The table of codes is `codes`; this module says which error a failure becomes and how long to
wait. The pump asks `error.retryable` and `error.klass`, never a code.
"""

from __future__ import annotations

import random
from typing import Final

from config.lib import graph
from messaging.meta.codes import (
    AUTOMATIC,
    CODES,
    THROTTLED,
    TRANSIENT,
    ErrorClass,
    ErrorInfo,
    describe,
)

__all__ = [
    "AUTOMATIC",
    "CODES",
    "ErrorClass",
    "ErrorInfo",
    "OutcomeUnknown",
    "Rejected",
    "SendError",
    "Throttled",
    "TokenInvalid",
    "Transient",
    "Unreachable",
    "backoff",
    "classify",
    "delay",
    "describe",
    "max_attempts",
]

MAX_ATTEMPTS: Final = 8

LANES: Final = {
    ErrorClass.SLOW_PAIR: "pair",
    ErrorClass.SLOW_SENDER: "sender",
    ErrorClass.SLOW_ACCOUNT: "account",
    ErrorClass.SLOW_APP: "app",
}


class SendError(Exception):
    """Say that Meta did not take a request, or that nobody knows.

    `retryable`: the pump may queue the same message again by itself. What an operator may ask
    for is `info.retryable`. `detail` is Meta's own text, for the message's history.
    """

    retryable = False

    def __init__(
        self,
        info: ErrorInfo,
        *,
        detail: str = "",
        trace_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(info.title)
        self.info = info
        self.detail = detail
        self.trace_id = trace_id
        self.retry_after = retry_after

    @property
    def klass(self) -> ErrorClass:
        return self.info.klass

    @property
    def meta_code(self) -> int | None:
        return self.info.code

    @property
    def title(self) -> str:
        return self.info.title


class Throttled(SendError):
    """Say that a lane must slow down: `pair`, `sender`, `account` or `app`."""

    retryable = True

    @property
    def lane(self) -> str:
        return LANES[self.info.klass]


class Transient(SendError):
    """Say that Meta refused for now, for reasons of its own."""

    retryable = True


class Rejected(SendError):
    """Say that Meta refused this message. `reason` is a stable word; `klass` says what to do."""

    @property
    def reason(self) -> str:
        return self.info.reason


class TokenInvalid(SendError):
    """Say that the access token or its permissions do not suffice."""


class Unreachable(SendError):
    """Say that nothing left this machine."""

    retryable = True


class OutcomeUnknown(SendError):
    """Say that the request may have reached Meta. Never send the message again blindly."""


_UNREACHABLE: Final = ErrorInfo(
    code=None,
    title="Meta could not be reached",
    advice="Check this server's connection to the internet. It is tried again by itself.",
    klass=ErrorClass.RETRY,
    reason="unreachable",
    retryable=True,
)
_UNKNOWN: Final = ErrorInfo(
    code=None,
    title="Meta's answer was lost",
    advice="The message may have been sent. A later status settles it; resend only if you are "
    "sure it did not arrive.",
    klass=ErrorClass.STOP,
    reason="outcome_unknown",
    retryable=False,
)


def classify(failure: graph.GraphFailure) -> SendError:
    """Return the named error for a failure of the transport or a refusal of Meta's."""
    if isinstance(failure, graph.GraphError):
        return _refusal(failure)
    if failure.request_left:
        return OutcomeUnknown(_UNKNOWN, detail=str(failure))
    return Unreachable(_UNREACHABLE, detail=str(failure))


def _refusal(failure: graph.GraphError) -> SendError:
    info = _info_of(failure)
    return _type_for(info.klass)(
        info,
        detail=failure.details or failure.error.user_message or failure.message,
        trace_id=failure.fbtrace_id,
        retry_after=failure.retry_after,
    )


def _info_of(failure: graph.GraphError) -> ErrorInfo:
    """Decide on the code; on the status only where the code says nothing."""
    if failure.code is None:
        return THROTTLED if failure.status == 429 else TRANSIENT
    info = describe(failure.code, subcode=failure.subcode)
    if info.source != "unknown code":
        return info
    if failure.status == 429:
        return _as(info, THROTTLED)
    if failure.error.is_transient or (failure.status or 0) >= 500:
        return _as(info, TRANSIENT)
    return info


def _as(info: ErrorInfo, known: ErrorInfo) -> ErrorInfo:
    return ErrorInfo(
        code=info.code,
        title=info.title,
        advice=known.advice,
        klass=known.klass,
        reason=known.reason,
        retryable=True,
        source=info.source,
    )


def _type_for(klass: ErrorClass) -> type[SendError]:
    if klass in LANES:
        return Throttled
    if klass is ErrorClass.RETRY:
        return Transient
    if klass is ErrorClass.FIX_CREDENTIALS:
        return TokenInvalid
    return Rejected


# class: (base seconds, factor, longest seconds)
_BACKOFF: Final = {
    ErrorClass.RETRY: (2.0, 2.0, 900.0),
    ErrorClass.SLOW_SENDER: (1.0, 2.0, 60.0),
    ErrorClass.SLOW_ACCOUNT: (60.0, 2.0, 3600.0),
    ErrorClass.SLOW_APP: (30.0, 2.0, 3600.0),
}
PAIR_LONGEST_SECONDS: Final = 4096.0


def backoff(klass: ErrorClass, attempt: int, rng: random.Random) -> float:
    """Return the seconds to wait before another try, after `attempt` earlier waits (from 0).

    Exponential with full jitter. The pair limit is Meta's own rule, at least 4^n seconds, so
    its jitter comes on top. Classes that are not automatic wait like `retry`.
    """
    attempt = max(0, min(attempt, 64))
    if klass is ErrorClass.SLOW_PAIR:
        least = min(PAIR_LONGEST_SECONDS, 4.0 ** min(attempt, 6))
        return least + rng.uniform(0.0, least / 4)
    base, factor, longest = _BACKOFF.get(klass, _BACKOFF[ErrorClass.RETRY])
    return rng.uniform(0.0, min(longest, base * factor**attempt))


def delay(error: SendError, attempt: int, rng: random.Random) -> float:
    """Return the seconds to wait after this error: what Meta asked for, plus the backoff."""
    least = max(error.retry_after or 0.0, error.info.wait_seconds)
    return least + backoff(error.klass, attempt, rng)


def max_attempts(info: ErrorInfo) -> int:
    """Return how many tries a message gets when they fail this way."""
    return info.max_attempts or MAX_ATTEMPTS
