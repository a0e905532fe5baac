"""Calls over the network, and the writes that follow them: never both in one transaction.

A transaction that waits for somebody else's machine holds its locks as long as that takes: who
takes a right away waits, and so does every other writer. So what is needed is read first, the call
made with no transaction open, and what came back written in a transaction that begins by looking
again at rights and rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from django.conf import settings
from django.db import connections
from prometheus_client import Counter

from config.lib import deadlocks

T = TypeVar("T")
KeepRights = Callable[[], object]

logger = structlog.get_logger(__name__)

HELD: Final = Counter(
    "switchboard_calls_in_transactions",
    "Calls over the network made while a transaction was open: each is a mistake of ours.",
)


class TransactionOpen(RuntimeError):
    """A call over the network was asked for inside a transaction."""


def require_no_transaction(call: str) -> None:
    """Raise `TransactionOpen` when this thread holds a transaction; in production, report it.

    There the call goes on: a message that does not leave is worse than a lock held too long. The
    transaction a test case wraps around itself is none.
    """
    if not _is_open():
        return
    if settings.REFUSE_CALLS_IN_TRANSACTIONS:
        raise TransactionOpen(f"{call} calls over the network while a transaction is open")
    HELD.inc()
    logger.error("call_in_transaction", call=call, stack_info=True)


def nobodys_rights() -> None:
    """Keep no rights: what the program does by itself needs none."""


def write(work: Callable[[], T], *, keep_rights: KeepRights = nobodys_rights) -> T:
    """Write what a call brought, in one transaction that begins by keeping the asker's rights."""

    def act() -> T:
        keep_rights()
        return work()

    return deadlocks.retry(act)


def _is_open() -> bool:
    return any(
        not block._from_testcase  # type: ignore[attr-defined]  # what Django's own `durable` asks
        for connection in connections.all(initialized_only=True)
        for block in connection.atomic_blocks
    )
