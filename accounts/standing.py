"""Rights stand still while somebody acts on them.

Whoever changes something holds a shared lock on their own rights until the change is committed;
whoever takes a right away waits for those locks. So nothing done with a right is committed after
the right was taken. The locks are PostgreSQL's advisory ones of the transaction: no row is
written, and they survive PgBouncer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

from django.db import connection

_KEEP: Final = "SELECT pg_advisory_xact_lock_shared(%s)"
_CHANGE: Final = "SELECT pg_advisory_xact_lock(%s)"


def of_user(user_id: int) -> str:
    """Return the name a person's rights are locked by."""
    return f"user:{user_id}"


def of_key(key_id: object) -> str:
    """Return the name an API key's rights are locked by."""
    return f"key:{key_id}"


def keep(names: Collection[str]) -> None:
    """Let nobody change these rights until the transaction ends."""
    _lock(_KEEP, names)


def change(names: Collection[str]) -> None:
    """Wait until nobody acts on these rights, and let nobody until the transaction ends.

    Comes before the row of whose rights they are: a sign-in holds them when it takes the row.

    Two who change each other's rights at once wait for each other: PostgreSQL ends one of the
    transactions, and `config.lib.deadlocks` runs it again.
    """
    _lock(_CHANGE, names)


def _lock(statement: str, names: Collection[str]) -> None:
    with connection.cursor() as cursor:
        for number in sorted(map(_number, names)):
            cursor.execute(statement, [number])


def _number(name: str) -> int:
    digest = hashlib.sha256(f"rights\x1f{name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
