"""Files a spreadsheet opens, and runs nothing of, whatever people wrote."""

from __future__ import annotations

import csv as reader
import io
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from reports.columns import Cell, Row, instants, numbers, percents, text
from reports.exports import csv, xlsx

COLUMNS = (*text("Name"), *numbers("Count"), *percents("Rate"), *instants("At"))
MADRID = ZoneInfo("Europe/Madrid")
AT = datetime(2026, 11, 17, 9, 30, 15, 999, tzinfo=UTC)
PLAIN: Row = ("Ana", -3, 0.25, AT)


def csv_rows(*rows: Row, mark: bool = True) -> list[list[str]]:
    raw = b"".join(csv.chunks(COLUMNS, iter([rows]), zone=MADRID, mark=mark))
    assert raw.startswith(b"\xef\xbb\xbf") is mark
    return list(reader.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def book(*rows: Row, longest_sheet: int = xlsx.LONGEST_SHEET) -> openpyxl.Workbook:
    file = io.BytesIO()
    xlsx.write(
        file, COLUMNS, iter([rows]), zone=MADRID, title="Messages", longest_sheet=longest_sheet
    )
    return openpyxl.load_workbook(file)


def test_csv_writes_each_kind_as_people_and_programs_read_it() -> None:
    lines = csv_rows(PLAIN, ("", 0, None, None), mark=False)

    assert lines == [
        ["Name", "Count", "Rate", "At"],
        ["Ana", "-3", "0.2500", "2026-11-17T10:30:15+01:00"],
        ["", "0", "", ""],
    ]


@pytest.mark.parametrize(
    "words",
    [
        '=HYPERLINK("http://x","y")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1+1",
        "+34 600 111 222 =1",
    ],
)
def test_words_that_look_like_a_formula_are_never_run(words: str) -> None:
    (_, line) = csv_rows((words, 0, None, None))
    cell = book((words, 0, None, None)).active["A2"]  # type: ignore[index]

    assert line[0] == f"'{words}"
    assert cell.data_type == "s"
    assert cell.value.endswith(words.strip())


def test_a_phone_number_stays_readable() -> None:
    (_, line) = csv_rows(("+34600111222", 0, None, None))
    cell = book(("+34600111222", 0, None, None)).active["A2"]  # type: ignore[index]

    assert line[0] == "+34600111222"
    assert (cell.data_type, cell.value) == ("s", "+34600111222")


def test_quotes_line_breaks_scripts_and_emoji_survive() -> None:
    words = 'He said "hi",\nأحمد 你好 👩🏽‍🚀'

    assert csv_rows((words, 0, None, None))[1][0] == words
    assert book((words, 0, None, None)).active["A2"].value == words  # type: ignore[index]


def test_half_a_character_and_a_null_byte_do_not_stop_a_file() -> None:
    words = "a\ud83d b\x00c\x0b"

    assert len(csv_rows((words, 0, None, None))) == 2
    assert book((words, 0, None, None)).active["A2"].value  # type: ignore[index]


def test_a_workbook_has_typed_cells_in_local_time() -> None:
    sheet = book(PLAIN).active
    assert sheet is not None

    assert [cell.value for cell in sheet[1]] == ["Name", "Count", "Rate", "At (Europe/Madrid)"]
    assert [cell.value for cell in sheet[2]] == [
        "Ana",
        -3,
        0.25,
        datetime(2026, 11, 17, 10, 30, 15),  # noqa: DTZ001  # a sheet knows no zones
    ]


def test_rows_that_do_not_fit_a_sheet_go_on_the_next() -> None:
    rows: Sequence[Row] = [(f"Row {n}", n, None, None) for n in range(7)]

    sheets = book(*rows, longest_sheet=4).worksheets

    assert [sheet.title for sheet in sheets] == ["Messages", "Messages 2", "Messages 3"]
    assert [sheet.max_row for sheet in sheets] == [4, 4, 2]


_MEASURE = """
import resource, sys
from zoneinfo import ZoneInfo
from reports.columns import text
from reports.exports import csv, xlsx

def pages(count):
    for start in range(0, count, 2000):
        yield [tuple(f"{start + n} {place} some words" for place in range(10)) for n in range(2000)]

columns = text(*(f"Column {place}" for place in range(10)))
zone = ZoneInfo("UTC")
options = {"title": "Rows"} if sys.argv[1] == "xlsx" else {}
chunks = {"csv": csv, "xlsx": xlsx}[sys.argv[1]].chunks
found = chunks(columns, pages(int(sys.argv[2])), zone=zone, **options)
written = sum(len(chunk) for chunk in found)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, written)
"""


def _peak(kind: str, rows: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, kind, str(rows)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[0])


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_memory_does_not_grow_with_the_rows(kind: str) -> None:
    small, large = _peak(kind, 2_000), _peak(kind, 60_000)

    assert large / small < 1.2


def test_every_cell_type_is_known_to_both_writers() -> None:
    cells: list[Cell] = ["a", 1, 1.5, AT, None]
    columns = text(*"abcde")

    raw = b"".join(csv.chunks(columns, iter([[tuple(cells)]]), zone=MADRID))

    assert raw.count(b",") == 8
