"""Read who is named, one a line: a line that is not understood is an error, never left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from compliance.consent_rows import target_of
from config.lib.addresses import Address, InvalidAddress, is_bsuid
from config.lib.errors import InvalidInput

# How many findings are told at once.
_TOLD: Final = 20
_ADDRESSES: Final = frozenset({"phone", "bsuid"})
_BREAK: Final = re.compile(r"\r\n|\r|\n")
_CELL_END: Final = re.compile(r"[,;\t]")


@dataclass(frozen=True, slots=True)
class Reading:
    """The address keys of a text, a person's once, and a sentence for each line that has none."""

    keys: tuple[str, ...]
    findings: tuple[str, ...]

    def told(self) -> str:
        """Return the first findings as one text that says how many more there are."""
        more = len(self.findings) - _TOLD
        rest = [f"{more} more lines are not understood either."] if more > 0 else []
        return " ".join([*self.findings[:_TOLD], *rest])


def read(text: str, *, region: str | None, most: int, of: str = "") -> Reading:
    """Read a text line by line; blank lines count as lines, headers of a table name nobody.

    `of` says where the lines stand, for the findings: " of the file". Raises `InvalidInput` when
    there are more than `most` to read.
    """
    rows = list(islice(_rows(text), most + 2))
    keys: dict[str, None] = {}
    findings = []
    columns = _columns(rows[0][1]) if rows else []
    for number, cells in rows[1:] if columns else rows:
        told = [cells[at] for at in columns if at < len(cells)] if columns else cells
        try:
            keys[_address(told, region).key] = None
        except InvalidAddress as error:
            findings.append(f"Line {number}{of}: {error.extra['reason']}.")
    if len(rows) > most + 1 or len(keys) + len(findings) > most:
        raise InvalidInput(f"At most {most:,} people at once.")
    return Reading(tuple(keys), tuple(findings))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(_BREAK.split(text), start=1):
        cells = [cell.strip(" \"'\ufeff\x00") for cell in _CELL_END.split(line)]
        if any(cells):
            yield number, cells


def _columns(cells: list[str]) -> list[int]:
    """Return which columns hold addresses, by the header of a table; a number is in no header."""
    if any(char.isdigit() for cell in cells for char in cell):
        return []
    return [at for at, cell in enumerate(cells) if target_of(cell) in _ADDRESSES]


def _address(cells: list[str], region: str | None) -> Address:
    """Return the one address of a line. Raises `InvalidAddress` when it has none or several.

    A date or an order number may read as a number of the country, so two that differ are refused:
    nobody is to be erased by a guess.
    """
    numbers = [cell for cell in cells if any(char.isdigit() for char in cell)]
    if not numbers:
        numbers = [cell for cell in cells if is_bsuid(cell)]
    found: dict[str, Address] = {}
    refused = None
    for cell in numbers:
        try:
            one = Address.parse(cell, region=region)
            found.setdefault(one.key, one)
        except InvalidAddress as error:
            if cell.startswith(("+", "00")):
                raise
            refused = refused or error
    if len(found) > 1:
        raise InvalidAddress("more than one number could be meant: write one, with its country")
    if not found:
        raise refused or InvalidAddress("there is no phone number and no Meta user id in it")
    return next(iter(found.values()))
