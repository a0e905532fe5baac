"""Which column of a file means what: guessed from its name and cells, corrected by the operator.

A mapping is `{column name: target}`; a target is one of `TARGETS`. A column mapped to
`attribute` becomes a variable of the contact, under `attribute_name(column)`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from compliance import vocabulary
from config.lib import addresses
from config.lib.errors import InvalidInput

ATTRIBUTE: Final = "attribute"
IGNORE: Final = "ignore"

TARGETS: Final[dict[str, str]] = {
    "phone": "Phone number",
    "bsuid": "Meta user id (BSUID)",
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "language": "Language",
    "tags": "Tags",
    "consent": "Consent (yes, no, withdrawn …)",
    "consent_at": "Date of the consent",
    "consent_scope": "What the consent is for",
    "consent_wording": "Wording of the consent",
    ATTRIBUTE: "Variable of the contact",
    IGNORE: "Leave out",
}
# Targets several columns may share; of the others one column each.
_SHARED: Final = frozenset({"tags", ATTRIBUTE, IGNORE})
MAX_ATTRIBUTES: Final = 50

_TARGET_OF: Final = {word: target for target, words in vocabulary.COLUMNS.items() for word in words}


def names(header: Sequence[str]) -> list[str]:
    """Return a name for each column, each one once: "City", "City (2)", "Column 4"."""
    taken: dict[str, int] = {}
    named = []
    for index, cell in enumerate(header, start=1):
        name = re.sub(r"\s+", " ", cell.lstrip("\ufeff")).strip()[:80] or f"Column {index}"
        taken[name] = taken.get(name, 0) + 1
        while taken[name] > 1:
            candidate = f"{name} ({taken[name]})"
            if candidate not in taken:
                taken[candidate] = 1
                name = candidate
                break
            taken[name] += 1
        named.append(name)
    return named


def has_header(first: Sequence[str]) -> bool:
    """Tell whether the first row names columns: it has a word we know, or no address at all."""
    if any(_word(cell) in _TARGET_OF for cell in first):
        return True
    return not any(_is_address(cell, None) for cell in first)


def guess(
    columns: Sequence[str], sample: Sequence[Sequence[str]], *, region: str | None
) -> dict[str, str]:
    """Say what each column most likely means."""
    mapping = {column: _TARGET_OF.get(_word(column), ATTRIBUTE) for column in columns}
    for target in set(mapping.values()) - _SHARED:
        rivals = [column for column in columns if mapping[column] == target]
        chosen = max(rivals, key=_preference)
        for column in rivals:
            if column != chosen:
                mapping[column] = ATTRIBUTE
    if "phone" not in mapping.values():
        found = _column_of(columns, sample, mapping, lambda cell: _is_phone(cell, region))
        if found:
            mapping[found] = "phone"
    if "bsuid" not in mapping.values():
        found = _column_of(columns, sample, mapping, addresses.is_bsuid)
        if found:
            mapping[found] = "bsuid"
    return mapping


def checked(mapping: Mapping[str, object], columns: Sequence[str]) -> dict[str, str]:
    """Return a mapping for exactly these columns; what it leaves out is ignored.

    Raises `InvalidInput` naming the column: unknown column or target, a target taken twice, no
    address at all, or two variables of one name.
    """
    for column, target in mapping.items():
        if column not in columns:
            raise _bad("The file has no such column.", column)
        if target not in TARGETS:
            raise _bad(f"A column means one of: {', '.join(TARGETS)}.", column)
    chosen = {column: str(mapping.get(column, IGNORE)) for column in columns}
    taken: dict[str, str] = {}
    for column, target in chosen.items():
        key = f"{ATTRIBUTE}.{attribute_name(column)}" if target == ATTRIBUTE else target
        if key in taken and target not in _SHARED - {ATTRIBUTE}:
            raise _bad(f"It means the same as the column {taken[key]}.", column)
        taken[key] = column
    if not {"phone", "bsuid"} & set(chosen.values()):
        raise InvalidInput(
            "Say which column holds the phone number or the Meta user id.",
            code="no_address_column",
            attr="mapping",
        )
    if sum(target == ATTRIBUTE for target in chosen.values()) > MAX_ATTRIBUTES:
        raise InvalidInput(f"At most {MAX_ATTRIBUTES} columns become variables.", attr="mapping")
    return chosen


def attribute_name(column: str) -> str:
    """Return the variable's name for a column: lower case, letters, digits, underscores."""
    plain = unicodedata.normalize("NFKC", column).lower()
    return re.sub(r"\W+", "_", plain).strip("_")[:60] or "column"


def _word(text: str) -> str:
    """Return the letters and digits of a header, without accents, lower case."""
    split = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(char for char in split if not unicodedata.combining(char) or _is_indic(char))
    return "".join(
        char for char in unicodedata.normalize("NFC", plain) if char.isalnum() or _is_indic(char)
    )


def _is_indic(char: str) -> bool:
    """Tell vowel signs that are part of a word from accents that are not."""
    return "\u0900" <= char <= "\u0dff" or "\u3099" <= char <= "\u309a"


def _preference(column: str) -> tuple[bool, int]:
    word = _word(column)
    return any(part in word for part in vocabulary.MOBILE), -len(word)


def _column_of(
    columns: Sequence[str],
    sample: Sequence[Sequence[str]],
    mapping: Mapping[str, str],
    fits: Callable[[str], bool],
) -> str | None:
    """Return the unnamed column most of whose cells fit."""
    best, best_share = None, 0.6
    for index, column in enumerate(columns):
        cells = [row[index] for row in sample if index < len(row) and row[index]]
        if mapping[column] != ATTRIBUTE or not cells:
            continue
        share = sum(fits(cell) for cell in cells) / len(cells)
        if share > best_share:
            best, best_share = column, share
    return best


def _is_address(cell: str, region: str | None) -> bool:
    return addresses.is_bsuid(cell) or _is_phone(cell, region)


def _is_phone(cell: str, region: str | None) -> bool:
    try:
        addresses.parse_phone(cell, region=region)
    except addresses.InvalidAddress:
        return False
    return True


def _bad(detail: str, column: str) -> InvalidInput:
    return InvalidInput(detail, code="invalid_mapping", attr=f"mapping.{column[:80]}")
