"""What a test asks for and takes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction


@contextmanager
def undone() -> Iterator[None]:
    """Take back what the block writes. Like the transaction around a test, it is not the product's.

    Pages and routes that go through all of Meta, storage and mail are asked inside of it, so it
    bears Django's own mark of such a one: `config.lib.outward` would refuse every call because of
    it. Transactions that the product opens in it bear none and count as ever.
    """
    block: Any = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)
