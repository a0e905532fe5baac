"""Files as programs really write them."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from compliance import cells
from compliance.models import ConsentStatus
from config.lib import tables
from config.lib.errors import InvalidInput
from config.lib.tables import Dialect, UnreadableFile
from messaging.contacts import columns
from messaging.contacts.refused import neutral
from messaging.contacts.seen import SeenRows

ZONE = ZoneInfo("Europe/Madrid")
TABLE = [["Name", "Phone"], ["Íñigo", "+34600555001"], ["Begoña", "+34600555002"]]


def written(delimiter: str, encoding: str, *, before: str = "") -> bytes:
    lines = [delimiter.join(cells) for cells in TABLE]
    return (before + "\r\n".join(lines) + "\r\n").encode(encoding)


def read(content: bytes) -> tuple[Dialect, list[list[str]]]:
    file = io.BytesIO(content)
    dialect = tables.detect(file)
    with tables.rows(file, dialect) as rows:
        return dialect, [cells for _, cells in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_every_encoding_with_every_delimiter_reads_the_same(delimiter: str, encoding: str) -> None:
    dialect, rows = read(written(delimiter, encoding))

    assert [[cell.lstrip("\ufeff") for cell in row] for row in rows] == TABLE
    assert dialect.delimiter == delimiter


def test_a_byte_that_is_no_utf_8_at_the_very_end_is_noticed() -> None:
    content = b"Name,Phone\n" + b"Ana,+34600555001\n" * 40_000 + "Íñigo,1\n".encode("cp1252")

    dialect, rows = read(content)

    assert dialect.encoding == "cp1252"
    assert rows[-1] == ["Íñigo", "1"]


def test_the_line_in_which_excel_names_the_separator_is_no_row() -> None:
    _, rows = read(written(";", "utf-8-sig", before="sep=;\r\n"))

    assert rows == TABLE


def test_commas_inside_quotes_do_not_hide_the_semicolon() -> None:
    content = b'Name;Phone\n"Doe, Jane, Dr.";+34600555001\n"Roe, A, B";+34600555002\n'

    dialect, rows = read(content)

    assert dialect.delimiter == ";"
    assert rows[1] == ["Doe, Jane, Dr.", "+34600555001"]


def test_a_line_break_in_quotes_stays_in_its_cell_and_empty_rows_are_skipped() -> None:
    _, rows = read(b'Name,Phone\n"Ana\nMaria",1\n\n,,\n Eva ,2\n')

    assert rows == [["Name", "Phone"], ["Ana\nMaria", "1"], ["Eva", "2"]]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\xd0\xcf\x11\xe0 old", "XLS"),
        (b"PK\x03\x04 not really", "damaged"),
        (b"abc\x00def,1\nxyz,2\n", "text file"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(content: bytes, word: str) -> None:
    with pytest.raises(UnreadableFile, match=word):
        read(content)


def test_a_quotation_mark_that_is_never_closed_is_named() -> None:
    with pytest.raises(UnreadableFile, match="quotation mark"):
        read(b'Name,Phone\n"Ana,1\n' + b"x" * 200_000)


def test_a_workbook_gives_text_and_keeps_what_is_a_number_apart() -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Name", "Phone", "When", "Agreed"])
    sheet.append(["田中 🌸", 34600555001, date(2024, 5, 1), True])
    sheet.append(["Ana", 34600555002.0, datetime(2024, 5, 1, 9, 30), False])  # noqa: DTZ001
    sheet.append(["Eva", 612.5, None, "yes"])
    file = io.BytesIO()
    book.save(file)

    dialect, rows = read(file.getvalue())

    assert dialect.kind == "xlsx"
    assert rows[1] == ["田中 🌸", "34600555001", "2024-05-01", "true"]
    assert rows[2] == ["Ana", "34600555002", "2024-05-01T09:30:00", "false"]
    assert rows[3] == ["Eva", "612.5", "", "yes"]


def test_a_small_archive_that_unpacks_to_gigabytes_is_not_opened() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (40 * 1024 * 1024))

    with pytest.raises(UnreadableFile, match="unpacks"):
        read(file.getvalue())


@pytest.mark.parametrize("name", ["xl/sharedStrings.xml", "xl/other.xml", "xl/worksheets/s.xml"])
def test_text_beyond_memory_is_refused_whatever_its_part_is_called(name: str) -> None:
    content = workbook(name, size=2 << 20, is_text=True)

    assert tables.detect(content).kind == "xlsx"
    with pytest.raises(UnreadableFile, match="too much text"):
        tables.detect(content, most_text_bytes=1 << 20)


def test_a_part_that_is_read_at_once_may_not_be_large() -> None:
    assert tables.detect(workbook("xl/worksheets/s.xml", size=17 << 20)).kind == "xlsx"
    for name in ("xl/styles.xml", "xl/worksheets/_rels/sheet1.xml.rels"):
        with pytest.raises(UnreadableFile, match="parts too large"):
            tables.detect(workbook(name, size=17 << 20))


def workbook(name: str, *, size: int, is_text: bool = False) -> io.BytesIO:
    """Make a workbook with a part of this size, declared as the text of its cells or not."""
    book, made = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(book)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    declared = f'<Override PartName="/{name}" ContentType="{kind}"/></Types>'.encode()
    with zipfile.ZipFile(book) as source, zipfile.ZipFile(made, "w") as target:
        for part in source.namelist():
            content = source.read(part)
            if is_text and part == "[Content_Types].xml":
                content = content.replace(b"</Types>", declared)
            if part != name:
                target.writestr(part, content)
        target.writestr(name, b"<si/>" * (size // 5))
    return made


def test_an_archive_that_is_no_workbook_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("people.csv", "Name,Phone")

    with pytest.raises(UnreadableFile, match="not a workbook"):
        read(file.getvalue())


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("Teléfono", "phone"), ("N° de téléphone", "attribute"), ("Celular", "phone"),
        ("Handynummer", "phone"), ("電話番号", "phone"), ("رقم الهاتف", "phone"),
        ("WhatsApp Number", "phone"), ("Nombre", "name"), ("First name", "first_name"),
        ("Opt-in", "consent"), ("Consentimiento", "consent"), ("同意", "consent"),
        ("Etiquetas", "tags"), ("Sprache", "language"), ("BSUID", "bsuid"),
        ("Consent date", "consent_at"), ("Ciudad", "attribute"),
    ],
)  # fmt: skip
def test_headers_in_many_languages_are_understood(header: str, target: str) -> None:
    assert columns.guess([header], [], region="ES")[header] == target


def test_a_file_without_header_finds_its_phone_column_by_the_cells() -> None:
    sample = [["Ana", "600555001"], ["Eva", "+34 600 555 002"], ["Bo", "600 555 003"]]

    assert not columns.has_header(sample[1])
    names = columns.names(["", ""])
    assert columns.guess(names, sample, region="ES") == {
        "Column 1": "attribute",
        "Column 2": "phone",
    }


def test_of_two_phone_columns_the_mobile_one_is_taken() -> None:
    guessed = columns.guess(["Phone", "Mobile"], [], region="ES")

    assert guessed == {"Phone": "attribute", "Mobile": "phone"}


def test_columns_of_one_name_are_told_apart() -> None:
    assert columns.names(["City", "City", "", "City"]) == [
        "City",
        "City (2)",
        "Column 3",
        "City (3)",
    ]


@pytest.mark.parametrize(
    ("mapping", "attr"),
    [
        ({"Nope": "phone"}, "mapping.Nope"),
        ({"A": "telepathy"}, "mapping.A"),
        ({"A": "phone", "B": "phone"}, "mapping.B"),
        ({"A": "name"}, "mapping"),
    ],
)
def test_a_mapping_that_cannot_be_names_the_column(mapping: dict[str, str], attr: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        columns.checked(mapping, ["A", "B"])

    assert caught.value.attr == attr


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("600 555 001", "+34600555001"),
        ("'+34600555001", "+34600555001"),
        ("34600555001.0", "+34600555001"),
        ("+44 (0)7400 555001", "+447400555001"),
        ("٠٠٨١٩٠٥٥٥٥٠٠٠١", "+819055550001"),
    ],
)
def test_phone_cells_are_read_as_people_and_programs_write_them(cell: str, number: str) -> None:
    assert cells.read_phone(cell, region="ES") == number


@pytest.mark.parametrize("cell", ["3.46E+10", "3,46E+10", "34600.5551", "n/a", "12", "+999123456"])
def test_phone_cells_that_cannot_be_trusted_are_refused_with_a_reason(cell: str) -> None:
    with pytest.raises(cells.RowRefused) as caught:
        cells.read_phone(cell, region="ES")

    assert caught.value.verdict == "invalid_phone"
    assert caught.value.reason.endswith(".")


@pytest.mark.parametrize(
    "cell", ["yes", "SÍ", "Ja", "oui", "1", "x", "はい", "✓", "Opt-in", "हाँ", "Opted in"]
)
def test_yes_in_many_languages(cell: str) -> None:
    assert cells.read_consent(cell, zone=ZONE) == (ConsentStatus.OPTED_IN, None)


@pytest.mark.parametrize(
    "cell", ["no", "NEIN", "não", "0", "withdrawn", "opt-out", "нет", "いいえ", "Baja"]
)
def test_no_in_many_languages(cell: str) -> None:
    assert cells.read_consent(cell, zone=ZONE) == (ConsentStatus.OPTED_OUT, None)


@pytest.mark.parametrize("cell", ["", "maybe", "?", "42"])
def test_what_is_neither_is_no_consent(cell: str) -> None:
    assert cells.read_consent(cell, zone=ZONE) == (None, None)


def test_a_date_in_the_consent_column_is_a_yes_of_that_day() -> None:
    status, at = cells.read_consent("31/01/2024", zone=ZONE)

    assert status == ConsentStatus.OPTED_IN
    assert at == datetime(2024, 1, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "language"),
    [("es", "es"), ("pt-BR", "pt_BR"), ("Español", "es"), ("日本語", "ja"), ("EN_gb", "en_GB")],
)
def test_languages_become_metas_codes(cell: str, language: str) -> None:
    assert cells.read_language(cell) == language


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(cells.RowRefused, match="Klingon"):
        cells.read_language("Klingon")


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|x", "\t=1"])
def test_cells_that_a_spreadsheet_would_run_are_neutralised(cell: str) -> None:
    assert neutral(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["+34 600 555 001", "-12", "Ana", "", "a=b"])
def test_harmless_cells_stay_as_they_are(cell: str) -> None:
    assert neutral(cell) == cell


def test_rows_seen_before_are_remembered_through_growth() -> None:
    seen = SeenRows()

    firsts = [seen.first([f"+34{n}", f"ES.{n}"], n) for n in range(20_000)]

    assert set(firsts) == {None}
    assert seen.first(["ES.19999"], 5) == 19_999
    assert seen.first(["+3412345", "+99"], 5) == 12_345
