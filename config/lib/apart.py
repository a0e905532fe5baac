"""Periodic work over many: what fails for one is logged, and the others have their turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import connection, transaction

logger = structlog.get_logger(__name__)


@contextmanager
def apart(work: str, **whose: object) -> Iterator[None]:
    """Do one's share in a transaction of its own; log its failure, undo it, and go on.

    A database that is gone fails for all: that is raised.
    """
    with going_on(work, **whose), transaction.atomic():
        yield


@contextmanager
def going_on(work: str, **whose: object) -> Iterator[None]:
    """Do one's share that commits by itself as it goes; log its failure and go on.

    A database that is gone fails for all: that is raised.
    """
    try:
        yield
    except Exception:
        if connection.connection is None or connection.connection.closed:
            raise
        logger.exception("share_failed", work=work, **whose)
