"""Whose rows the work under way may see: one business's, everyone's, or nobody's.

Row-level security reads it from the setting `switchboard.business`, which `base.Cursor` puts in
front of every statement, in the same message and the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db.models import Func, UUIDField

SETTING: Final = "switchboard.business"
ALL: Final = "all"
NOBODY: Final = ""

Sight = Callable[[], UUID | str]


def _nobody() -> str:
    return NOBODY


_provider: Sight = _nobody
_afresh: Callable[[], AbstractContextManager[None]] = nullcontext


def provided_by(
    provider: Sight, *, afresh: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """Ask this function from now on: the id of a business, `ALL` or `NOBODY`.

    `afresh` opens a block that sees nobody's rows until it says otherwise.
    """
    global _provider, _afresh  # one answer for the whole process
    _provider, _afresh = provider, afresh


def afresh() -> AbstractContextManager[None]:
    """Start a piece of work that sees nobody's rows until it says whose."""
    return _afresh()


def preface() -> bytes:
    """Return the statement that tells the server what the moment may see."""
    return _preface(_provider())


@lru_cache(maxsize=1024)
def _preface(seen: UUID | str) -> bytes:
    text = seen if seen in (ALL, NOBODY) else str(UUID(str(seen)))
    return f"SET LOCAL {SETTING} = '{text}'; ".encode()


class BusinessInSight(Func):
    """The business the statement may see, as the default of a column that names it."""

    template = f"nullif(nullif(current_setting('{SETTING}', true), ''), '{ALL}')::uuid"
    arity = 0
    output_field: Any = UUIDField()
