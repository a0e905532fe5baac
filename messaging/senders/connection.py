"""Messaging's client of Meta, on the process's one Graph connection."""

from __future__ import annotations

from accounts import graph
from messaging.meta.client import MetaClient


def client() -> MetaClient:
    """Return a client of Meta's messaging endpoints; making one costs nothing."""
    return MetaClient(graph.client())
