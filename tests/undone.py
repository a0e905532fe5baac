"""What a test asks for and takes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction


@contextmanager
def undone() -> Iterator[None]:
    """Take back what the block writes. Like the transaction around a test, it is not the product's.

    The product asks Django's own mark of such a one (see `config.lib.outward`).
    """
    block: Any = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)
