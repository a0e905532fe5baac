"""A transaction that PostgreSQL ended to untangle two of them is run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

from config.lib.errors import RetryLater

T = TypeVar("T")
TRIES: Final = 3


class Tangled(RetryLater):
    """Others changed the same things at the same moment, again and again."""

    status = 503
    code = "busy"


def retry(work: Callable[[], T]) -> T:
    """Do the work in one transaction, anew while it meets a deadlock; raise `Tangled` at last."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return work()
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    raise Tangled("Others change the same things at this moment. Try again.", retry_after_seconds=1)
