"""The file of refused rows: the columns as they came, the verdict and the reason."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Final

from messaging.contacts.pages import Judged

# What spreadsheets run as a formula. A plain number with a sign is none and stays as it is.
_FORMULA: Final = re.compile(r"[=+\-@\t\r\n|%]")
_NUMBER: Final = re.compile(r"[+\-]?[\d\s().\-/]+")


class RefusedRows:
    """Collects refused rows in a temporary file, so that memory does not grow with them."""

    def __init__(self, file: IO[str], columns: Sequence[str]) -> None:
        self.count = 0
        self._file = file
        self._width = len(columns)
        self._writer = csv.writer(file)
        self._write(["Row", *columns, "Verdict", "Reason"])

    def add(self, judged: Judged) -> None:
        """Write one row."""
        cells = [*judged.cells, *[""] * (self._width - len(judged.cells))][: self._width]
        self._write([str(judged.number), *cells, judged.verdict, judged.reason])
        self.count += 1

    def content(self) -> IO[bytes]:
        """Return the finished file, from its start."""
        self._file.flush()
        raw: IO[bytes] = self._file.buffer  # type: ignore[attr-defined]  # a text file has one
        raw.seek(0)
        return raw

    def _write(self, cells: Sequence[str]) -> None:
        self._writer.writerow([neutral(cell) for cell in cells])


@contextmanager
def collect(columns: Sequence[str]) -> Iterator[RefusedRows]:
    """Give a collector whose file is gone afterwards; UTF-8 with the mark Excel looks for."""
    with TemporaryFile("w+", encoding="utf-8-sig", newline="") as file:
        yield RefusedRows(file, columns)


def neutral(cell: str) -> str:
    """Return the cell such that no spreadsheet runs it."""
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
