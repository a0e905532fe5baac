"""CSV: UTF-8, RFC 4180 quoting and line ends, with the mark Excel looks for if wanted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from reports.columns import Cell, Column, Kind, Pages

CONTENT_TYPE: Final = "text/csv; charset=utf-8"
EXTENSION: Final = "csv"
_MARK: Final = "\ufeff".encode()

# OWASP's list, with the wide forms some spreadsheets read alike.
_FORMULA: Final = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_PHONE: Final = re.compile(r"\+[0-9]{5,20}")


def chunks(
    columns: Sequence[Column], pages: Pages, *, zone: ZoneInfo, mark: bool = True
) -> Iterator[bytes]:
    """Yield the file: the headings, then a chunk a page. Times carry the offset of the zone."""
    yield (_MARK if mark else b"") + _lines([[column.title for column in columns]])
    for page in pages:
        yield _lines(
            [
                [_written(cell, column, zone) for cell, column in zip(row, columns, strict=True)]
                for row in page
            ]
        )


def neutral(text: str) -> str:
    """Return text such that no spreadsheet runs it."""
    if _FORMULA.match(text) and not _PHONE.fullmatch(text):
        return f"'{text}"
    return text


def _lines(rows: list[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode("utf-8", "replace")


def _written(cell: Cell, column: Column, zone: ZoneInfo) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(cell, str):
        return neutral(cell.replace("\x00", ""))
    return f"{cell:.4f}" if column.kind is Kind.PERCENT else str(cell)
