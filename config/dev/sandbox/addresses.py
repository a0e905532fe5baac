"""Phone numbers as WhatsApp writes them, and the user ids and names derived from them."""

import hashlib
import re
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from config.dev.sandbox.errors import MetaError

BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_SPELLING = str.maketrans("", "", " -().\u00a0")
_NAMES = (
    "Lucía Ferrer",
    "João Souza",
    "Amina Diallo",
    "Søren Holm",
    "李娜",
    "Priya Nair",
    "Олена Коваль",
    "محمد علي",
    "Marta Vega",
    "Kofi Mensah",
    "Zoë Janssens",
    "佐藤 健",
)


def calling_code(digits: str) -> str:
    """Return the country calling code the digits start with, "1" when none fits."""
    for length in (1, 2, 3):
        if int(digits[:length] or 0) in COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length]
    return "1"


def wa_id_for(to: str, *, sender_digits: str) -> str:
    """Return the WhatsApp id of a number as a caller wrote it, rewritten as Meta does.

    A number without "+" of up to ten digits gets the sender's calling code. Raises 131009 for
    what cannot be a phone number.
    """
    text = to.translate(_SPELLING)
    international = text.startswith("+")
    digits = text[1:] if international else text
    if not (digits.isascii() and digits.isdigit()) or not 7 <= len(digits) <= 15:
        raise MetaError(131009, "Parameter value is not valid: to")
    if not international and len(digits) <= 10:
        digits = calling_code(sender_digits) + digits
    if digits[0] == "5":
        return _national_rewrite(digits)
    return digits


def _national_rewrite(digits: str) -> str:
    if digits.startswith("55"):
        return _brazil(digits)
    if digits.startswith("52") and len(digits) == 12:
        return "521" + digits[2:]
    if digits.startswith("54"):
        return _argentina(digits)
    return digits


def _brazil(digits: str) -> str:
    """Keep the ninth digit in area codes up to 28 and drop it above, as WhatsApp ids have it."""
    area, local = digits[2:4], digits[4:]
    if area > "28" and len(local) == 9 and local[0] == "9":
        return "55" + area + local[1:]
    if area <= "28" and len(local) == 8 and local[0] in "6789":
        return "55" + area + "9" + local
    return digits


def _argentina(digits: str) -> str:
    """Write mobiles as 549 + area + number: add the 9, drop the 15 that follows an area code."""
    national = digits[2:]
    if len(national) == 12:
        for at in (2, 3, 4):
            if national[at : at + 2] == "15":
                national = national[:at] + national[at + 2 :]
                break
    return "549" + national if len(national) == 10 else "54" + national


@lru_cache(maxsize=50_000)
def user_id_for(wa_id: str, portfolio_id: str) -> str:
    """Return the user id (BSUID) this person has towards this portfolio.

    It ends with the last two digits of the number, so both addresses have the same outcome.
    """
    regions = COUNTRY_CODE_TO_REGION_CODE[int(calling_code(wa_id))]
    region = regions[0] if regions[0] != "001" else "US"
    digest = hashlib.sha256(f"{portfolio_id}:{wa_id}".encode()).digest()
    number = int.from_bytes(digest[:8], "big") % 10**14
    return f"{region}.{number:014d}{wa_id[-2:]}"


def name_of(address: str) -> str:
    """Return the profile name of a person, always the same one for an address."""
    return _NAMES[sum(address.encode()) % len(_NAMES)]
