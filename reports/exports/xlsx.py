"""XLSX, written row by row to a temporary file on disk and streamed from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

import xlsxwriter

from reports.columns import Cell, Column, Kind, Pages

CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXTENSION: Final = "xlsx"
# Limits of the format.
LONGEST_SHEET: Final = 1_048_576
_LONGEST_TEXT: Final = 32_767
_LONGEST_NAME: Final = 31
_CHUNK_BYTES: Final = 256 * 1024
_WIDTHS: Final = {Kind.TEXT: 22, Kind.NUMBER: 11, Kind.PERCENT: 13, Kind.INSTANT: 20}
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


def chunks(
    columns: Sequence[Column], pages: Pages, *, zone: ZoneInfo, title: str
) -> Iterator[bytes]:
    """Yield the file once it is complete. Times are shown as the clocks of the zone showed them."""
    with TemporaryFile() as file:
        write(file, columns, pages, zone=zone, title=title)
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def write(
    file: IO[bytes],
    columns: Sequence[Column],
    pages: Pages,
    *,
    zone: ZoneInfo,
    title: str,
    longest_sheet: int = LONGEST_SHEET,
) -> None:
    """Write a workbook; rows that do not fit one sheet go on the next."""
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        book.set_size(1800, 1000)
        sheets = _Sheets(book, columns, zone=zone, title=title, longest=longest_sheet)
        for page in pages:
            for row in page:
                sheets.add(row)


class _Sheets:
    """The sheets of a workbook, the last one open."""

    def __init__(
        self,
        book: Any,
        columns: Sequence[Column],
        *,
        zone: ZoneInfo,
        title: str,
        longest: int,
    ) -> None:
        self._book, self._columns, self._zone = book, columns, zone
        self._title, self._longest = title, longest
        self._bold = book.add_format({"bold": True, "bottom": 1})
        self._formats = {
            Kind.TEXT: book.add_format(),
            Kind.NUMBER: book.add_format({"num_format": "0"}),
            Kind.PERCENT: book.add_format({"num_format": "0.0%"}),
            Kind.INSTANT: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        self._count = 0
        self._open()

    def add(self, row: Sequence[Cell]) -> None:
        """Write one row, on a new sheet when this one is full."""
        if self._next == self._longest:
            self._open()
        for place, (cell, column) in enumerate(zip(row, self._columns, strict=True)):
            self._write(place, cell, column.kind)
        self._next += 1

    def _open(self) -> None:
        self._count += 1
        suffix = "" if self._count == 1 else f" {self._count}"
        self._sheet = self._book.add_worksheet(self._title[: _LONGEST_NAME - 4] + suffix)
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._columns):
            self._sheet.set_column(place, place, _WIDTHS[column.kind])
            self._sheet.write_string(0, place, self._heading(column), self._bold)
        self._next = 1

    def _heading(self, column: Column) -> str:
        is_instant = column.kind is Kind.INSTANT
        return f"{column.title} ({self._zone.key})" if is_instant else column.title

    def _write(self, place: int, cell: Cell, kind: Kind) -> None:
        format_ = self._formats[kind]
        if cell is None or cell == "":
            return
        if isinstance(cell, datetime):
            local = cell.astimezone(self._zone).replace(tzinfo=None, microsecond=0)
            self._sheet.write_datetime(self._next, place, local, format_)
        elif isinstance(cell, str):
            self._sheet.write_string(self._next, place, _storable(cell))
        else:
            self._sheet.write_number(self._next, place, cell, format_)


def _storable(words: str) -> str:
    """Return words a sheet can hold: not too long, and no half characters."""
    return words[:_LONGEST_TEXT].encode("utf-8", "replace").decode()
