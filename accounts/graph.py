"""The process's client of Meta's Graph API, at the address the settings name."""

from __future__ import annotations

import atexit
import os
from functools import lru_cache

from django.conf import settings

from config.lib import loop
from config.lib.graph import GraphClient, Timeouts


def client() -> GraphClient:
    """Return the one long-lived client of this process (a forked worker gets its own)."""
    return _client(
        os.getpid(),
        settings.META_GRAPH_URL,
        settings.META_GRAPH_VERSION,
        settings.META_TIMEOUT_SECONDS,
    )


@lru_cache(maxsize=2)
def _client(pid: int, url: str, version: str, seconds: int) -> GraphClient:
    made = GraphClient(url, version, timeouts=Timeouts.within(seconds))
    atexit.register(lambda: loop.run(made.close()))
    return made
