"""Speak HTTP to Meta's Graph API, and know whether a request may have left.

Plain Python on aiohttp; knows no endpoint, no Django. One session per client and event loop,
kept alive between requests, every timeout set, no redirect followed (a redirect could carry the
token to another host).

    Unreachable      nothing left this machine: safe to send again
    OutcomeUnknown   the request may have left and no answer of Meta's came back
    GraphError       Meta answered, and refused (4xx or 5xx with its error envelope)

Meta has no idempotency key, so the first two must never be confused.

`client` sends, `answers` reads, `failures` names what went wrong.
"""

from config.lib.graph.answers import GraphResponse, parse_error
from config.lib.graph.client import (
    TRANSFER_TIMEOUTS,
    GraphClient,
    Timeouts,
    segment,
)
from config.lib.graph.failures import (
    ErrorBody,
    GraphError,
    GraphFailure,
    OutcomeUnknown,
    TooLarge,
    Unreachable,
    UntrustedHost,
)

__all__ = [
    "TRANSFER_TIMEOUTS",
    "ErrorBody",
    "GraphClient",
    "GraphError",
    "GraphFailure",
    "GraphResponse",
    "OutcomeUnknown",
    "Timeouts",
    "TooLarge",
    "Unreachable",
    "UntrustedHost",
    "parse_error",
    "segment",
]
