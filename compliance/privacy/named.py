"""Read who is named, one a line: a line that is not understood is an error, never left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from compliance.consent_rows import target_of
from config.lib.addresses import Address, InvalidAddress
from config.lib.errors import InvalidInput

# How many findings are told at once.
_TOLD: Final = 20
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
    for place, (number, cells) in enumerate(rows):
        try:
            keys[_address(cells, region).key] = None
        except InvalidAddress as error:
            if place or not _is_header(cells):
                findings.append(f"Line {number}{of}: {error.extra['reason']}.")
    if len(rows) > most + 1 or len(keys) + len(findings) > most:
        raise InvalidInput(f"At most {most:,} people at once.")
    return Reading(tuple(keys), tuple(findings))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(_BREAK.split(text), start=1):
        cells = [cell.strip(" \"'\ufeff\x00") for cell in _CELL_END.split(line)]
        if any(cells):
            yield number, cells


def _is_header(cells: list[str]) -> bool:
    return any(target_of(cell) in {"phone", "bsuid"} for cell in cells)


def _address(cells: list[str], region: str | None) -> Address:
    """Return the first address of a line; a word that looks like an id comes after the numbers."""
    numbers = [cell for cell in cells if any(char.isdigit() for char in cell)]
    words = [cell for cell in cells if cell and cell not in numbers]
    refused = None
    for cell in [*numbers, *words]:
        try:
            return Address.parse(cell, region=region)
        except InvalidAddress as error:
            refused = refused or error
    if refused is None or not numbers:
        raise InvalidAddress("there is no phone number and no Meta user id in it")
    raise refused
