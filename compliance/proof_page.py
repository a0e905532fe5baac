"""Draw the proof of a person's consent on one page (PDF).

Letters the font lacks, and scripts that have to be shaped or read from right to left, are not
drawn wrongly: the page says that the exact words are in the facts inside the file. DejaVu Sans is
used where the system has it (Latin, Greek, Cyrillic), else the font that comes with reportlab.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import orjson
import reportlab
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, Table, TableStyle

from compliance import zones
from compliance.models import ConsentEvent, ConsentStatus, Scope

_FONT: Final = "ProofText"
_SYSTEM_FONT: Final = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
_SHIPPED_FONT: Final = Path(reportlab.__file__).with_name("fonts") / "Vera.ttf"
_ELSEWHERE: Final = "(exact words in the facts inside this file)"
_MARGIN: Final = 16 * mm
_FOOT: Final = 40 * mm
_GAP: Final = 2.4 * mm
_LONGEST: Final = 600
# Letters read from the right, and marks that turn what stands around them.
_TURNED: Final = frozenset(
    {"R", "AL", "AN", "RLE", "RLO", "LRE", "LRO", "PDF", "RLI", "LRI", "FSI", "PDI"}
)
_REFUSALS: Final = {
    None: "yes",
    "opted_out": "no: opted out",
    "blocked": "no: blocked for a time",
    "consent_missing": "no: no consent",
}


def draw(
    facts: Mapping[str, Any],
    *,
    zone: str,
    digest: str,
    signature: str,
    public_key: str,
    embedded: str,
) -> bytes:
    """Return the page as a PDF file. `embedded` stands in its properties, for programs."""
    file = io.BytesIO()
    _font()
    canvas = Canvas(file, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle("Proof of consent")
    canvas.setCreator("Switchboard")
    canvas.setKeywords(embedded)
    place = zones.find(zone) or ZoneInfo("UTC")
    left_out = _fill(canvas, [*_head(facts, place), *_ledger(facts, place)])
    _foot(canvas, digest, signature, public_key, left_out)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _fill(canvas: Canvas, flowables: Sequence[Flowable]) -> int:
    """Put one thing below the other until the page is full; return how many found no room."""
    width = A4[0] - 2 * _MARGIN
    y = A4[1] - _MARGIN
    for index, one in enumerate(flowables):
        _, height = one.wrap(width, y)
        if y - height < _FOOT:
            return len(flowables) - index
        y -= height
        one.drawOn(canvas, _MARGIN, y)
        y -= _GAP
    return 0


def _head(facts: Mapping[str, Any], zone: ZoneInfo) -> list[Flowable]:
    rows = [
        ("Business", facts["business"]["name"]),
        ("Person", ", ".join(facts["addresses"])),
        ("Made", _time(facts["made_at"], zone)),
    ]
    states = [["About", "Last said", "When", "May be written to"]] + [
        [
            str(Scope(one["scope"]).label),
            str(ConsentStatus(one["status"]).label) if one["status"] else "nothing",
            _time(one["changed_at"], zone) if one["status"] else "",
            _REFUSALS.get(one["refusal"], str(one["refusal"])),
        ]
        for one in facts["state"]
    ]
    return [
        _text("Proof of consent", size=18),
        _table([[name, _shown(value)] for name, value in rows], [30 * mm, 148 * mm]),
        _table(states, [38 * mm, 40 * mm, 52 * mm, 48 * mm], has_head=True),
        _text("What was said, newest first", size=12),
    ]


def _ledger(facts: Mapping[str, Any], zone: ZoneInfo) -> list[Flowable]:
    """Return a paragraph a statement: what was said of several scopes at once is one."""
    groups: dict[bytes, list[Mapping[str, Any]]] = {}
    for event in facts["events"]:
        same = {name: value for name, value in event.items() if name not in {"id", "scope"}}
        groups.setdefault(orjson.dumps(same, option=orjson.OPT_SORT_KEYS), []).append(event)
    return [_statement(events, zone) for events in groups.values()]


def _statement(events: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> Paragraph:
    first = events[0]
    scopes = ", ".join(str(Scope(event["scope"]).label).lower() for event in events)
    said = str(ConsentStatus(first["status"]).label)
    when = _time(first["occurred_at"], zone) if first["is_dated"] else "date not known"
    parts = [
        f"<b>{escape(said)}</b> · {escape(scopes)} · {escape(when)}",
        f"Recorded {escape(_time(first['recorded_at'], zone))} · "
        f"{escape(str(ConsentEvent.Source(first['source']).label))} · "
        f"{_shown(first['address'])}"
        + (f" · from {escape(first['ip_address'])}" if first["ip_address"] else ""),
    ]
    if first["until"]:
        parts.append(f"Until {escape(_time(first['until'], zone))}")
    if first["reason"]:
        parts.append(_shown(first["reason"]))
    if first["wording"]:
        parts.append(f"Words shown: <i>{_shown(first['wording'])}</i>")
    if first["evidence"]:
        told = "; ".join(f"{name}: {value}" for name, value in first["evidence"].items())
        parts.append(f"Evidence: {_shown(told)}")
    return _text("<br/>".join(parts), size=8, is_markup=True)


def _foot(canvas: Canvas, digest: str, signature: str, public_key: str, left_out: int) -> None:
    lines = [
        f"{left_out} older statements found no room on this page; all are among the facts inside "
        "the file."
        if left_out
        else "Every statement on record is on this page.",
        "The file holds these facts as data and ends with an Ed25519 signature of all its bytes. "
        "Check it with: manage.py verify_proof FILE",
        f"SHA-256 of the facts: {digest}",
        f"Signature of that digest: {signature}",
        f"Public key: {public_key}",
    ]
    canvas.setStrokeColor(colors.lightgrey)
    canvas.line(_MARGIN, _FOOT - 3 * mm, A4[0] - _MARGIN, _FOOT - 3 * mm)
    y = _FOOT - 5 * mm
    for line in lines:
        paragraph = _text(line, size=6.5)
        _, height = paragraph.wrap(A4[0] - 2 * _MARGIN, y)
        y -= height
        paragraph.drawOn(canvas, _MARGIN, y)


def _text(text: str, *, size: float, is_markup: bool = False) -> Paragraph:
    style = ParagraphStyle("proof", fontName=_FONT, fontSize=size, leading=size * 1.35)
    return Paragraph(text if is_markup else escape(text), style)


def _table(
    rows: Sequence[Sequence[str]], widths: Sequence[float], *, has_head: bool = False
) -> Table:
    cells = [[_text(cell, size=9, is_markup=not has_head) for cell in row] for row in rows]
    table = Table(cells, colWidths=widths, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.lightgrey),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                *([("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke)] if has_head else []),
            ]
        )
    )
    return table


def _shown(value: object) -> str:
    """Return a text as markup, or a note where this page cannot show its letters."""
    text = " ".join(str(value).split())
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
    return escape(short) if _can_show(short) else _ELSEWHERE


def _can_show(text: str) -> bool:
    glyphs = _font().face.charToGlyph
    return all(ord(char) in glyphs and _is_plain(char) for char in text)


def _is_plain(char: str) -> bool:
    """Say whether the letter is drawn as it stands: from left to right, and by itself."""
    return unicodedata.bidirectional(char) not in _TURNED and not (
        0x0900 <= ord(char) <= 0x109F or unicodedata.combining(char)
    )


@cache
def _font() -> TTFont:
    path = _SYSTEM_FONT if _SYSTEM_FONT.exists() else _SHIPPED_FONT
    font = TTFont(_FONT, str(path))
    pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(_FONT, normal=_FONT, bold=_FONT, italic=_FONT, boldItalic=_FONT)
    return font


def _time(text: str | None, zone: ZoneInfo) -> str:
    if not text:
        return ""
    local = datetime.fromisoformat(text).astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"
