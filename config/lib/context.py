"""Where a request came from, for the audit trail: kept beside the log's context, never logged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_address: Final[ContextVar[str]] = ContextVar("address", default="")


def address() -> str:
    """Return the network address of who asked; empty where nobody did, as in workers."""
    return _address.get()


@contextmanager
def asked_by(address: str) -> Iterator[None]:
    """Do what stands inside on behalf of this address."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)
