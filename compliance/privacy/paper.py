"""The certificate of an erasure on paper: a PDF for the person, or for the file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

_STYLES: Final = getSampleStyleSheet()
_SMALL: Final = ParagraphStyle("small", parent=_STYLES["BodyText"], fontSize=8, leading=10)


def certificate_pdf(certificate: Mapping[str, Any], *, business: str) -> bytes:
    """Return the certificate as a PDF."""
    facts = certificate["facts"]
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        title="Certificate of erasure",
        author=business,
    )
    document.build([*_top(facts, business), *_stores(facts), *_end(certificate)])
    return file.getvalue()


def _top(facts: Mapping[str, Any], business: str) -> Iterator[Flowable]:
    yield Paragraph("Certificate of erasure", _STYLES["Title"])
    yield _text(
        f"{business} erased the data of the person {facts['person']} from its WhatsApp system on "
        f"{facts['erased_at']}, as asked on {facts['asked_at']}. Request {facts['request']}."
    )
    yield Spacer(1, 4 * mm)


def _stores(facts: Mapping[str, Any]) -> Iterator[Flowable]:
    rows: list[list[Flowable]] = [
        [_text(f"<b>{name}</b>", is_markup=True) for name in ("Store", "Removed", "What happened")]
    ]
    rows += [
        [_text(one["store"]), _text(words_of(one["removed"])), _text(one["explanation"])]
        for one in facts["stores"]
    ]
    yield _table(rows, (55 * mm, 40 * mm, 75 * mm))
    yield Spacer(1, 6 * mm)
    yield Paragraph("What stays, and why", _STYLES["Heading2"])
    kept = [[_text(one["store"]), _text(one["explanation"])] for one in facts["remains"]]
    yield _table(kept, (40 * mm, 130 * mm))


def _end(certificate: Mapping[str, Any]) -> Iterator[Flowable]:
    yield Spacer(1, 6 * mm)
    yield Paragraph(
        "Signed with Ed25519 over the facts as JSON (keys sorted, no spaces). Public key "
        f"{escape(certificate['public_key'])}, signature {escape(certificate['signature'])}.",
        _SMALL,
    )


def words_of(removed: Mapping[str, int]) -> str:
    """Return counts in words: "12 messages, 30 events"."""
    said = [f"{count:,} {_noun(name, count)}" for name, count in removed.items() if count]
    return ", ".join(said) or "nothing was there"


def _noun(plural: str, count: int) -> str:
    words = plural.replace("_", " ")
    if count != 1:
        return words
    if words.endswith("ies"):
        return f"{words[:-3]}y"
    return words.removesuffix("es") if words.endswith("sses") else words.removesuffix("s")


def _text(text: str, *, is_markup: bool = False) -> Paragraph:
    return Paragraph(text if is_markup else escape(text), _STYLES["BodyText"])


def _table(rows: list[list[Flowable]], widths: tuple[float, ...]) -> Table:
    table = Table(rows, colWidths=widths, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.grey),
            ]
        )
    )
    return table
