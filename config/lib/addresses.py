"""Addresses of people: phone numbers (E.164) and Meta's business-scoped user ids (BSUID).

One person has one key, however their number is spelt. Countries that renumbered, and
WhatsApp ids made before they did, are why a key is needed: Brazil's ninth digit, Mexico's 1,
Argentina's 9 and 15, Benin's 01, Ivory Coast's operator prefix.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, ValidationResult

from config.lib.errors import InvalidInput

MASK: Final = "•••••"

# Two-letter country, "ENT." for a parent id, up to 128 letters and digits.
# Source: shared/meta/webhooks.md, section 6 (read 2026-11-20).
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_SEPARATORS = re.compile(r"[\s().\-/]+")
_PHONE = re.compile(r"\+?[0-9]+")
_LONGEST_INPUT = 64

_PARSE_REASONS = {
    NumberParseException.INVALID_COUNTRY_CODE: "the country code does not exist",
    NumberParseException.NOT_A_NUMBER: "it is not a phone number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "it is too short",
    NumberParseException.TOO_SHORT_NSN: "it is too short",
    NumberParseException.TOO_LONG: "it is too long",
}
_IMPOSSIBLE_REASONS = {
    ValidationResult.INVALID_COUNTRY_CODE: "the country code does not exist",
    ValidationResult.TOO_SHORT: "it is too short",
    ValidationResult.TOO_LONG: "it is too long",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
    ValidationResult.INVALID_LENGTH: "its length is wrong for its country",
}


class InvalidAddress(InvalidInput):
    """The text is no address a message could go to; `extra["reason"]` says why."""

    code = "invalid_recipient"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The phone number is not valid: {reason}.", extra={"reason": reason})


@dataclass(frozen=True)
class Address:
    """Where a person is reached: an E.164 number with "+" or a BSUID."""

    value: str

    @classmethod
    def parse(cls, text: str, *, region: str | None = None) -> "Address":
        """Read a phone number in any common form, or a BSUID; raises InvalidAddress."""
        stripped = text.strip()
        if is_bsuid(stripped):
            return cls(stripped)
        return cls(parse_phone(text, region=region))

    @property
    def kind(self) -> Literal["phone", "bsuid"]:
        """Say which of the two it is."""
        return "bsuid" if is_bsuid(self.value) else "phone"

    @property
    def key(self) -> str:
        """Return what identifies the person: the phone's key, or the BSUID itself."""
        return self.value if self.kind == "bsuid" else phone_key(self.value)

    @property
    def masked(self) -> str:
        """Return a form safe to show where the address itself must not be."""
        return mask(self.value)

    def __str__(self) -> str:
        """Return the masked form, so that an address in a log line gives nothing away."""
        return self.masked


def is_bsuid(text: str) -> bool:
    """Say whether the text has the shape of a business-scoped user id."""
    return _BSUID.fullmatch(text) is not None


def parse_phone(text: str, *, region: str | None = None) -> str:
    """Return the number as E.164 with "+", in today's spelling of its country.

    Without "+" or "00" a number is national to `region` (ISO code) if it is valid there,
    else international as Meta writes its ids. Raises InvalidAddress.
    """
    compact = _compact(text)
    if compact.startswith("+") or region is None:
        return _valid(compact if compact.startswith("+") else f"+{compact}", None)
    try:
        return _valid(compact, region.upper())
    except InvalidAddress:
        try:
            return _valid(f"+{compact}", None)
        except InvalidAddress:
            pass
        raise


def phone_key(e164: str) -> str:
    """Return the one spelling all spellings of a person's number share; needs no valid number.

    The key is for comparing. It is dialable except for Argentine landlines, which get the
    mobile 9 as well: there a number belongs either to a landline or to a mobile.
    """
    digits = _modern(_digits(e164))
    if digits.startswith("54") and len(digits) == 12:
        digits = f"549{digits[2:]}"
    return f"+{digits}"


def wa_id_to_phone(wa_id: str) -> str:
    """Return Meta's id of a WhatsApp user ("5511…") as a number with "+", spelt as Meta does."""
    return f"+{_digits(wa_id)}"


def digits_in(text: str) -> str:
    """Return the digits of a text, of any script, as ASCII."""
    return "".join(str(unicodedata.decimal(char)) for char in text if char.isdecimal())


def mask(address: str) -> str:
    """Hide the middle: "+5511987654321" gives "+55•••••4321", a BSUID its country and last 4."""
    if is_bsuid(address):
        country, _, rest = address.partition(".")
        return f"{country}.{MASK}{rest[-4:] if len(rest) > 8 else ''}"
    digits = _digits(address)
    return f"+{_country_code(digits)}{MASK}{digits[-4:] if len(digits) > 8 else ''}"


def _compact(text: str) -> str:
    """Return digits with at most a leading "+", or raise InvalidAddress."""
    if len(text) > _LONGEST_INPUT:
        raise InvalidAddress("it is too long")
    visible = "".join(_plain(char) for char in text)
    compact = _SEPARATORS.sub("", unicodedata.normalize("NFKC", visible))
    if not compact:
        raise InvalidAddress("it is empty")
    if not _PHONE.fullmatch(compact):
        raise InvalidAddress("it has characters that belong in no phone number")
    return f"+{compact[2:]}" if compact.startswith("00") else compact


def _plain(char: str) -> str:
    """Return the character as ASCII where it is a digit, a dash or a space in any script."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    category = unicodedata.category(char)
    if category == "Cf":
        return ""
    if category in {"Pd", "Zs"} or char == "\u2212":
        return "-"
    return char


def _valid(text: str, region: str | None) -> str:
    number = _parse(text, region)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    modern = f"+{_modern(e164[1:])}"
    if modern != e164:
        number = _parse(modern, None)
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict in _IMPOSSIBLE_REASONS:
        raise InvalidAddress(_IMPOSSIBLE_REASONS[verdict])
    if not phonenumbers.is_valid_number(number):
        raise InvalidAddress("no such number exists in its country")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _parse(text: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as error:
        reason = _PARSE_REASONS.get(error.error_type, "it is not a phone number")
        raise InvalidAddress(reason) from error


def _modern(digits: str) -> str:
    """Rewrite an international number of a country that renumbered to its form of today."""
    for pattern, rewrite in _RENUMBERED:
        if found := pattern.fullmatch(digits):
            return rewrite(found)
    return digits


def _ivorian(found: re.Match[str]) -> str:
    """Add the operator's prefix of January 2021; the second digit told the operator."""
    old = found[1]
    prefix = "01" if old[1] in "0123" else "05" if old[1] in "456" else "07"
    return f"225{prefix}{old}"


def _argentine(found: re.Match[str]) -> str:
    """Drop the domestic 15 after the area code, which libphonenumber knows where to find."""
    number = phonenumbers.parse(f"+54{found[1]}", None)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))[1:]


_RENUMBERED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    # Brazil: mobiles had 8 digits, starting 6 to 9, until a 9 went in front (2012 to 2016).
    (re.compile(r"55([1-9]{2})([6-9]\d{7})"), lambda found: f"55{found[1]}9{found[2]}"),
    # Mexico: the mobile 1 and the prefixes 044 and 045 went in August 2019.
    (re.compile(r"52(?:1|044|045)(\d{10})"), lambda found: f"52{found[1]}"),
    (re.compile(r"549?((?=\d*15)\d{12})"), _argentine),
    # Benin: 8 digits became 10 with 01 in front in November 2024.
    (re.compile(r"229(\d{8})"), lambda found: f"22901{found[1]}"),
    (re.compile(r"225([04-9]\d{7})"), _ivorian),
)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _country_code(digits: str) -> str:
    for length in (1, 2, 3):
        if int(digits[:length] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length]
    return ""
