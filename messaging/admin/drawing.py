"""What campaigns look like: bars, reasons in sentences, durations, a workbook of outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from tempfile import TemporaryFile
from typing import IO, Any, Final

import xlsxwriter
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from messaging.campaigns import outcomes
from messaging.campaigns.models import Campaign
from messaging.campaigns.progress import Progress
from messaging.contacts.refused import neutral
from messaging.errors import SENTENCES, Refusal
from messaging.messages.models import Message
from messaging.meta.errors import describe

# In the order they stand in a bar: the furthest first.
SEGMENTS: Final = ("read", "delivered", "sent", "failed", "unknown", "skipped", "cancelled")
_LABELS: Final = {
    "read": "Read",
    "delivered": "Delivered",
    "sent": "Sent",
    "failed": "Failed",
    "unknown": "Outcome unknown",
    "skipped": "Skipped",
    "cancelled": "Cancelled",
    "queued": "Waiting",
}
_REASONS: Final = {
    "variable_missing": "A variable has no value and no default.",
    "variable_invalid": "The value of a variable breaks a rule of WhatsApp.",
    "missing_address": "There is neither a phone number nor a user id.",
    "duplicate": "The same person was named before.",
    "not_after": "The last time to send had passed.",
    "just_now": "Turned away a moment ago; the reason is being looked up.",
}
_FAILURES: Final = 2000
_CLOCK_SKEW: Final = timedelta(minutes=10)
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar."""

    name: str
    label: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class Reason:
    """How many share a reason, and what to do about it."""

    code: str
    title: str
    count: int
    advice: str = ""


def segments(counts: Mapping[str, int], total: int) -> list[Segment]:
    """Return the parts of a campaign's bar, as wide as they count."""
    return [
        Segment(name, _LABELS[name], counts[name], round(100 * counts[name] / max(total, 1), 2))
        for name in SEGMENTS
        if counts.get(name)
    ]


def bar(counts: Mapping[str, int], total: int) -> SafeString | str:
    """Return a thin bar for a list."""
    if not total:
        return "—"
    found = segments(counts, total)
    done = sum(counts.get(name, 0) for name in SEGMENTS)
    pieces = format_html_join(
        "",
        '<i class="is-{}" style="width:{}%" title="{}: {}"></i>',
        ((one.name, one.percent, one.label, one.count) for one in found),
    )
    return format_html(
        '<div class="sw-progress is-thin" role="progressbar" aria-valuemin="0" '
        'aria-valuemax="{}" aria-valuenow="{}">{}</div><small>{} of {}</small>',
        total,
        done,
        pieces,
        f"{done:,}",
        f"{total:,}",
    )


def progress_facts(found: Progress) -> dict[str, Any]:
    """Return what the campaign's page shows of its progress."""
    return {
        "progress": found,
        "segments": segments(found.counts, found.total),
        "eta": duration(found.eta_s) if found.eta_s else "",
        "reasons": reasons(found.skipped),
        "people": [(one, reason(one.code, one.detail)) for one in found.skipped_sample[:20]],
        "failures": failures(found.campaign) if found.counts["failed"] else [],
    }


def failures(campaign: Campaign) -> list[Reason]:
    """Return the newest failures by reason, at most two thousand of them."""
    if campaign.launched_at is None:
        return []
    # Meta tells its own time, in whole seconds.
    earliest = campaign.launched_at - _CLOCK_SKEW
    rows = Message.objects.filter(
        campaign=campaign, failed_at__gte=earliest, status="failed"
    ).order_by("-failed_at")
    facts = rows.values_list("error_code", "error_reason", "error_title")[:_FAILURES]
    found = Counter((code, word or title) for code, word, title in facts)
    return [_failure(code, word, count) for (code, word), count in found.most_common(12)]


def reasons(codes: Mapping[str, int]) -> list[Reason]:
    """Return skip reasons as sentences, most frequent first."""
    ordered = sorted(codes.items(), key=lambda one: -one[1])
    return [Reason(code, reason(code), count, _ADVICE.get(code, "")) for code, count in ordered]


def reason(code: str, detail: str = "") -> str:
    """Return why somebody gets no message."""
    if code in list(Refusal):
        sentence = SENTENCES[Refusal(code)]
    else:
        sentence = _REASONS.get(code, code.replace("_", " ").capitalize() + ".")
    return f"{sentence} ({detail})" if detail else sentence


_ADVICE: Final = {
    "consent_missing": "Record their consent, or import it with a consent column.",
    "opted_out": "They said no; nothing is to be done.",
    "variable_missing": "Give the variable a default in the step “Variables”.",
    "invalid_recipient": "Correct the address of the person.",
    "template_paused": "Choose another template; Meta paused this one for its quality.",
    "blocked": "They are left alone for a time; the block ends by itself.",
    "frequency_cap": "Send later, or raise the limit in the contact policy.",
    "quiet_hours": "Give the campaign more time, or start it by day.",
}


def duration(seconds: int) -> str:
    """Return a number of seconds for people: "about 3 min"."""
    if seconds < 60:
        return f"{max(seconds, 1)} s"
    if seconds < 2 * 3600:
        return f"about {round(seconds / 60)} min"
    if seconds < 48 * 3600:
        return f"about {round(seconds / 3600)} h"
    return f"about {round(seconds / 86400)} days"


def workbook(campaign: Campaign) -> IO[bytes]:
    """Return the outcomes as a workbook, written row by row to a temporary file."""
    file = TemporaryFile()  # noqa: SIM115  # closed with the answer it is for
    book = xlsxwriter.Workbook(
        file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet("Outcomes")
    sheet.write_row(0, 0, outcomes.COLUMNS)
    for number, line in enumerate(outcomes.lines(campaign), start=1):
        cells = [_cell(getattr(line, name)) for name in outcomes.COLUMNS]
        sheet.write_row(number, 0, cells)
    book.close()
    file.seek(0)
    return file


def _failure(code: int | None, word: str, count: int) -> Reason:
    if code is not None:
        info = describe(code)
        return Reason(str(code), info.title, count, info.advice)
    return Reason(word, reason(word) if word else "No reason was given.", count)


def _cell(value: Any) -> str:
    return neutral("" if value is None else str(value))
