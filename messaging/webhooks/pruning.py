"""Cut one person out of a JSON document, and leave everybody else's part as it is.

The smallest element of a list that carries an address of the person goes: their message, their
status, their profile. Where an address is only mentioned in somebody else's text, the mention
is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

ERASED: Final = "[erased]"
_PUNCTUATION: Final = re.compile(r"[\s()+\-.]")


@dataclass(slots=True)
class Pruner:
    """Knows the person by `needles`: digits of phone numbers, Meta's user ids."""

    needles: frozenset[str]
    removed: int = 0
    _mention: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        """Build what finds a mention: the whole number or id, no part of a longer one."""
        words = "|".join(re.escape(one) for one in sorted(self.needles, key=len, reverse=True))
        self._mention = re.compile(rf"(?<![0-9A-Za-z])\+?(?:{words})(?![0-9A-Za-z])")

    def prune(self, value: Any) -> Any:
        """Return the document without the person."""
        if isinstance(value, list):
            return [kept for one in value for kept in self._kept(one)]
        if isinstance(value, dict):
            return {self._text(name): self.prune(one) for name, one in value.items()}
        return self._text(value) if isinstance(value, str) else value

    def names(self, value: Any) -> bool:
        """Say whether this very thing is about the person; lists in it stand for themselves."""
        if isinstance(value, dict):
            return any(self.names(name) or self.names(one) for name, one in value.items())
        if isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value)
            return text in self.needles or _PUNCTUATION.sub("", text[:64]) in self.needles
        return False

    def _kept(self, element: Any) -> Iterator[Any]:
        if self.names(element):
            self.removed += 1
            return
        yield self.prune(element)

    def _text(self, text: str) -> str:
        found, count = self._mention.subn(ERASED, text)
        self.removed += count
        return found
