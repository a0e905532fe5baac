"""Remember who stood in which row of a file, in a few bytes a row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b


class SeenRows:
    """A map from address key to row number, 18 to 36 bytes an entry whatever the key's length.

    Keys are kept as 63 bits of a hash, in an open table: of a million keys the chance that any
    two are taken for one is 1 in 18 million.
    """

    def __init__(self) -> None:
        self._make(1 << 12)

    def first(self, keys: Iterable[str], number: int) -> int | None:
        """Return the row any of these keys stood in before; note them for this row if none."""
        hashes = [_hash(key) for key in keys]
        for one in hashes:
            slot = self._slot(one)
            if self._hashes[slot]:
                return int(self._rows[slot])
        for one in hashes:
            self._put(one, number)
        return None

    def _make(self, size: int) -> None:
        self._size = size
        self._count = 0
        self._hashes = array("Q", [0]) * size
        self._rows = array("I", [0]) * size

    def _slot(self, one: int) -> int:
        slot = one & (self._size - 1)
        while self._hashes[slot] not in (0, one):
            slot = (slot + 1) & (self._size - 1)
        return slot

    def _put(self, one: int, number: int) -> None:
        if self._count * 3 >= self._size * 2:
            self._grow()
        slot = self._slot(one)
        self._count += not self._hashes[slot]
        self._hashes[slot], self._rows[slot] = one, number

    def _grow(self) -> None:
        hashes, rows = self._hashes, self._rows
        self._make(self._size * 2)
        for one, number in zip(hashes, rows, strict=True):
            if one:
                self._put(one, number)


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) | 1
