"""What a request came to when it did not succeed, and whether it may have left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp


class GraphFailure(Exception):
    """Say that a request did not succeed. `request_left`: Meta may have received it."""

    request_left = True
    status: int | None = None


class Unreachable(GraphFailure):
    """Say that nothing left: no address, no connection, no TLS."""

    request_left = False


class OutcomeUnknown(GraphFailure):
    """Say that the request may have left and its outcome was not learnt."""

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """Hold Meta's error envelope. `code` is None when the answer carried no envelope."""

    code: int | None = None
    subcode: int | None = None
    message: str = ""
    details: str = ""
    user_title: str = ""
    user_message: str = ""
    fbtrace_id: str = ""
    is_transient: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)


class GraphError(GraphFailure):
    """Say that Meta refused the request: it was not carried out."""

    def __init__(self, status: int, error: ErrorBody, *, retry_after: float | None = None) -> None:
        super().__init__(f"HTTP {status}, code {error.code}, trace {error.fbtrace_id or '-'}")
        self.status = status
        self.error = error
        self.retry_after = retry_after

    @property
    def code(self) -> int | None:
        return self.error.code

    @property
    def subcode(self) -> int | None:
        return self.error.subcode

    @property
    def message(self) -> str:
        return self.error.message

    @property
    def details(self) -> str:
        return self.error.details

    @property
    def fbtrace_id(self) -> str:
        return self.error.fbtrace_id


class UntrustedHost(GraphFailure):
    """Say that a URL is not Meta's, so the token was not sent there."""

    request_left = False


class TooLarge(GraphFailure):
    """Say that a download passed its limit and was dropped."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The file is larger than {max_bytes} bytes.")


# The connect timeout is shorter than the total one and covers the wait for a free connection,
# so whatever else runs out did so after a connection was there and bytes may have been written.
_NOTHING_LEFT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


def of_transport(error: BaseException) -> GraphFailure:
    """Return what an error of the connection means for the request."""
    name = type(error).__name__
    if isinstance(error, _NOTHING_LEFT):
        return Unreachable(name)
    return OutcomeUnknown(name)
