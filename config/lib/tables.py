"""Read a table from a file of somebody else's making, row by row, in bounded memory.

CSV as programs really write it (UTF-8 with or without a mark, UTF-16, Windows-1252; comma,
semicolon, tab or bar; Excel's `sep=` line) and XLSX. Cells come out as text; a number that a
spreadsheet may have mangled comes out so that `rows` can tell (`3.46E+10`, `612.5`).
"""

from __future__ import annotations

import codecs
import csv
import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import chain, islice
from typing import IO, Any, Final, Literal

import openpyxl
from openpyxl.xml.constants import ARC_CONTENT_TYPES, SHARED_STRINGS
from openpyxl.xml.functions import fromstring

from config.lib.errors import InvalidInput

MAX_BYTES: Final = 200 * 1024 * 1024
MAX_COLUMNS: Final = 200
MAX_ROWS: Final = 1_048_576
MAX_CELL: Final = 32_767
DELIMITERS: Final = ",;\t|"
SAMPLE_BYTES: Final = 256 * 1024
SAMPLE_ROWS: Final = 50

# An XLSX file is a zip archive: what it unpacks to, and what of it is held in memory.
MAX_UNPACKED_BYTES: Final = 2 * 1024 * 1024 * 1024
MAX_SHARED_STRINGS_BYTES: Final = 128 * 1024 * 1024
MAX_PART_BYTES: Final = 16 * 1024 * 1024
MAX_RATIO: Final = 400

Kind = Literal["csv", "xlsx"]
Row = tuple[int, list[str]]


class UnreadableFile(InvalidInput):
    """The file is no table this program can read; the sentence says why."""

    code = "unreadable_file"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, attr="file")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written, found out once and kept with its import."""

    kind: Kind
    encoding: str = ""
    delimiter: str = ""

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "encoding": self.encoding, "delimiter": self.delimiter}


def detect(file: IO[bytes], *, most_text_bytes: int = MAX_SHARED_STRINGS_BYTES) -> Dialect:
    """Find out how the file is written; raises `UnreadableFile`.

    The text of a workbook is held in memory, about six times its size: `most_text_bytes` of it.
    """
    file.seek(0)
    head = file.read(SAMPLE_BYTES)
    if not head.strip():
        raise UnreadableFile("The file is empty.")
    if head.startswith(b"PK\x03\x04"):
        _check_archive(file, most_text_bytes)
        return Dialect("xlsx")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile("This is an old Excel file (XLS). Save it as XLSX or CSV.")
    encoding = _encoding(file, head)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    return Dialect("csv", encoding, _delimiter(text))


@contextmanager
def rows(file: IO[bytes], dialect: Dialect) -> Iterator[Iterator[Row]]:
    """Give the rows that are not empty, each with its number in the file (from 1)."""
    file.seek(0)
    if dialect.kind == "xlsx":
        with _workbook(file) as sheet:
            yield _limited(_sheet_rows(sheet))
        return
    text = io.TextIOWrapper(file, encoding=dialect.encoding, errors="replace", newline="")
    try:
        yield _limited(_csv_rows(text, dialect.delimiter))
    finally:
        text.detach()


def _encoding(file: IO[bytes], head: bytes) -> str:
    """Tell the encoding: a mark, else UTF-16 by its zero bytes, else UTF-8 if all of it is."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return name
    low, high = head[0::2].count(0), head[1::2].count(0)
    if max(low, high) > len(head) / 4 and min(low, high) * 20 < max(low, high):
        return "utf-16-le" if high > low else "utf-16-be"
    if low or high:
        raise UnreadableFile("The file is not a text file. Save it as CSV or XLSX.")
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(SAMPLE_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _delimiter(text: str) -> str:
    """Choose the delimiter that cuts the first lines into the most columns, evenly."""
    first, _, rest = text.lstrip("\ufeff").partition("\n")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        return first[4]
    complete = text.rpartition("\n")[0] if len(text) > SAMPLE_ROWS * 4 and rest else text
    return max(DELIMITERS, key=lambda delimiter: _evenness(complete, delimiter))


def _evenness(text: str, delimiter: str) -> tuple[float, int]:
    widths = [len(row) for row in islice(_parsed(io.StringIO(text), delimiter), SAMPLE_ROWS) if row]
    if not widths:
        return 0.0, 0
    width = max(set(widths), key=widths.count)
    if width == 1:
        return 0.0, 1
    return widths.count(width) / len(widths), width


def _parsed(text: IO[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text, delimiter=delimiter)
    except csv.Error:
        return


def _csv_rows(text: IO[str], delimiter: str) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=delimiter)
    try:
        for number, cells in enumerate(reader, start=1):
            if number == 1 and _is_separator_line(cells, delimiter):
                continue
            yield number, [_clean(cell) for cell in cells]
    except csv.Error as error:
        raise UnreadableFile(
            f"Line {reader.line_num} cannot be read: a quotation mark is probably never closed."
        ) from error


def _is_separator_line(cells: Sequence[str], delimiter: str) -> bool:
    line = delimiter.join(cells).lstrip("\ufeff").strip().lower()
    return line == f"sep={delimiter}".strip() or line == "sep="


def _limited(source: Iterator[Row]) -> Iterator[Row]:
    count = 0
    for number, cells in source:
        if not any(cells):
            continue
        count += 1
        if count > MAX_ROWS:
            raise UnreadableFile(f"The file has more than {MAX_ROWS:,} rows. Split it.")
        if len(cells) > MAX_COLUMNS:
            cells = _trimmed(cells)
        if len(cells) > MAX_COLUMNS:
            raise UnreadableFile(f"Row {number} has more than {MAX_COLUMNS} columns.")
        yield number, cells


def _trimmed(cells: list[str]) -> list[str]:
    last = max((index for index, cell in enumerate(cells) if cell), default=-1)
    return cells[: last + 1]


def _clean(cell: str) -> str:
    """Drop what no database column holds and the blanks around a cell."""
    return cell.replace("\x00", "").strip()[:MAX_CELL]


def _check_archive(file: IO[bytes], most_text_bytes: int) -> None:
    """Refuse what is no workbook, and a small file that would unpack to a huge one."""
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            texts = _parts_of_text(archive)
    except Exception as error:  # zipfile and openpyxl raise whatever a damaged part leads to
        raise UnreadableFile("The workbook is damaged, or locked with a password.") from error
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise UnreadableFile("The file is an archive, not a workbook. Save it as CSV or XLSX.")
    if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES or any(
        part.file_size > 1024 * 1024 and part.file_size > MAX_RATIO * part.compress_size
        for part in parts
    ):
        raise UnreadableFile("The workbook unpacks to more than can be read. Save it as CSV.")
    if any(part.file_size > most_text_bytes for part in parts if part.filename in texts):
        raise UnreadableFile("The workbook has too much text to be read. Save it as CSV.")
    others = [part for part in parts if part.filename not in texts]
    if any(part.file_size > MAX_PART_BYTES for part in others if not _is_streamed(part.filename)):
        raise UnreadableFile("The workbook has parts too large to be read. Save it as CSV.")


def _parts_of_text(archive: zipfile.ZipFile) -> set[str]:
    """Return the parts that hold the text of cells, whatever they are called."""
    if ARC_CONTENT_TYPES not in archive.namelist():
        return set()
    with archive.open(ARC_CONTENT_TYPES) as part:
        told = fromstring(part.read(MAX_PART_BYTES))
    declared = [one for one in told if one.get("ContentType") == SHARED_STRINGS]
    return {one.get("PartName", "")[1:] for one in declared}


def _is_streamed(name: str) -> bool:
    """Say whether a part is read row by row, or not at all; what sheets link to is read whole."""
    return name.startswith(("xl/worksheets/", "xl/media/")) and "/_rels/" not in name


@contextmanager
def _workbook(file: IO[bytes]) -> Iterator[Any]:
    """Open the first visible sheet. XML is read by defusedxml, which openpyxl finds by itself."""
    if not openpyxl.DEFUSEDXML:
        raise UnreadableFile("XLSX files cannot be read safely here: defusedxml is missing.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles it does not know
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # as above
        raise UnreadableFile("The workbook is damaged and cannot be opened.") from error
    try:
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if not sheets:
            raise UnreadableFile("The workbook has no visible sheet.")
        yield sheets[0]
    finally:
        book.close()


def _sheet_rows(sheet: Any) -> Iterator[Row]:
    sheet.reset_dimensions()  # what the file says of its own size is often wrong
    source = sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1)
    try:
        for number, values in enumerate(source, start=1):
            yield number, _trimmed([_text(value) for value in values])
    except (InvalidInput, GeneratorExit):
        raise
    except Exception as error:  # as above
        raise UnreadableFile("The workbook is damaged and cannot be read to its end.") from error


def _text(value: object) -> str:
    """Write a cell the way a person reads it; whole numbers without a decimal point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return _clean(str(value))


def peek(source: Iterator[Row], count: int) -> tuple[list[Row], Iterator[Row]]:
    """Return the first rows, and all rows as if none had been taken."""
    taken = list(islice(source, count))
    return taken, chain(taken, source)
