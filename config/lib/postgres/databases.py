"""Taking a whole database away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from psycopg import errors, sql

if TYPE_CHECKING:
    import psycopg

_TRIES: Final = 5


def drop(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop a database, and end who is connected to it; one that is not there is no error.

    The connection leads to another database, in autocommit. Where autovacuum is at work, ending
    it is refused to who is no superuser: then the plain statement does, which waits for it.
    """
    plain = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    for is_last in (False,) * _TRIES + (True,):
        try:
            connection.execute(plain + sql.SQL(" WITH (FORCE)"))
            return
        except errors.InsufficientPrivilege:
            if is_last:
                raise
        try:
            connection.execute(plain)
            return
        except errors.ObjectInUse:
            time.sleep(0.1)
