"""Read single cells of files of somebody else's making: phone, consent, date, language. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf.locale import LANG_INFO

from compliance import vocabulary
from compliance.models import ConsentStatus, Scope
from config.lib import addresses

_LANGUAGE_NAMES: Final = {
    name: code for code, names in vocabulary.LANGUAGES.items() for name in names
}
_LANGUAGES: Final = {code.split("-")[0] for code in LANG_INFO} | {"fil", "zu", "ps", "prs", "lo"}
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{2,4}))?", re.IGNORECASE)

_SCIENTIFIC: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?e[+-]?\d+", re.IGNORECASE)
_WHOLE: Final = re.compile(r"(\d{6,15})\.0")
_DECIMAL: Final = re.compile(r"[1-9]\d*[.,]\d+")
_DAY: Final = timedelta(days=1)
_EXCEL_EPOCH: Final = datetime(1899, 12, 30, tzinfo=UTC)


class RowRefused(Exception):
    """A row cannot be imported: `verdict` is the code, the text the reason."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


def read_phone(text: str, *, region: str | None) -> str:
    """Return the number as E.164; raises `RowRefused`, also for what a spreadsheet mangled."""
    cell = text.lstrip("'\u2019`")
    if _SCIENTIFIC.fullmatch(cell):
        raise RowRefused(
            "invalid_phone",
            "A spreadsheet has shortened the number. Format the column as text and export again.",
        )
    if whole := _WHOLE.fullmatch(cell):
        cell = whole[1]
    elif _DECIMAL.fullmatch(cell):
        raise RowRefused(
            "invalid_phone", "The cell holds a decimal number. Format the column as text."
        )
    try:
        return addresses.parse_phone(re.sub(r"\(0\)", "", cell), region=region)
    except addresses.InvalidAddress as error:
        raise RowRefused("invalid_phone", error.detail) from error


def read_consent(text: str, *, zone: ZoneInfo) -> tuple[ConsentStatus | None, datetime | None]:
    """Return what a cell says: yes, no, a date (yes, on that day), or nothing we know."""
    word = _letters(text)
    if word in vocabulary.YES:
        return ConsentStatus.OPTED_IN, None
    if word in vocabulary.NO:
        return ConsentStatus.OPTED_OUT, None
    if not text or text.isdecimal():
        return None, None
    at = read_instant(text, zone=zone)
    return (ConsentStatus.OPTED_IN, at) if at else (None, None)


def past(at: datetime, *, status: ConsentStatus, now: datetime) -> datetime:
    """Return when a word counts that a file dates; raises `RowRefused` for a time to come.

    A day may have begun where the file was written and not here. A yes of that day counts from the
    day before, so that it outranks no opt-out told since.
    """
    if at <= now:
        return at
    if at > now + _DAY:
        raise RowRefused("invalid_consent_date", "The consent is dated in the future.")
    return at - _DAY if status == ConsentStatus.OPTED_IN else now


def read_scopes(text: str) -> tuple[Scope, ...]:
    """Return the scopes a cell names; raises `RowRefused` for one that does not exist."""
    words = [word for word in re.split(r"[,;|/+\s]+", text.lower()) if word]
    if "all" in words:
        return tuple(Scope)
    try:
        return tuple(dict.fromkeys(Scope(word) for word in words))
    except ValueError as error:
        raise RowRefused(
            "invalid_consent_scope", f"A consent is for: {', '.join(Scope.values)}, all."
        ) from error


def read_language(text: str) -> str:
    """Return a language as Meta writes it (es, pt_BR); raises `RowRefused` when not known."""
    if not text:
        return ""
    named = _LANGUAGE_NAMES.get(_letters(text))
    if named:
        return named
    found = _LANGUAGE.fullmatch(text.strip())
    if not found or found[1].lower() not in _LANGUAGES:
        raise RowRefused("unknown_language", f'"{text[:40]}" is no language; write es, pt_BR, en.')
    country = found[2]
    return f"{found[1].lower()}_{country.upper()}" if country else found[1].lower()


_DATE_FORMATS: Final = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d",
    "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d/%m/%y",
)  # fmt: skip


def read_instant(text: str, *, zone: ZoneInfo) -> datetime | None:
    """Return the instant of an ISO time, a day-first date or an Excel day number, or None.

    A date without a time is the start of that day in the business's time zone. 03/04/2026 is
    read day first, as all of the world but one country writes it.
    """
    if re.fullmatch(r"[34]\d{4}", text):
        return _EXCEL_EPOCH + timedelta(days=int(text))
    parsed: datetime | None
    try:
        parsed = datetime.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        parsed = _by_format(text.strip())
    if parsed is None or not date(1970, 1, 2) <= parsed.date() < date(2200, 1, 1):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)


def _by_format(text: str) -> datetime | None:
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  # the caller adds the zone
        except ValueError:
            continue
    return None


def _letters(text: str) -> str:
    """Return letters, digits and check marks, lower case, without accents on Latin letters."""
    kept = "".join(char for char in text.lower() if char.isalnum() or _is_sign(char))
    split = unicodedata.normalize("NFD", kept)
    plain = "".join(char for char in split if not "\u0300" <= char <= "\u036f")
    return unicodedata.normalize("NFC", plain)


def _is_sign(char: str) -> bool:
    return unicodedata.category(char) in {"Mc", "Mn"} or char in "✓✔☑✅✗✘❌"
