"""Compare what people type by its letters alone: case, accents, width, emoji do not matter."""

# ruff: noqa: RUF001  # letters of other scripts are the subject

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Final

LONGEST: Final = 120

# Letters that are written in more than one way within a script.
_VARIANTS: Final = str.maketrans(
    {
        "ı": "i",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "æ": "ae",
        "œ": "oe",
        "ё": "е",
        "ґ": "г",
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ٱ": "ا",
        "ى": "ي",
        "ی": "ي",
        "ې": "ي",
        "ک": "ك",
        "ة": "ه",
        "ۀ": "ه",
        "ؤ": "و",
        "ئ": "ي",
        "ـ": None,
    }
)

# Marks that may be left out without changing the word: Latin, Greek and Cyrillic accents, Hebrew
# points, Arabic vowels, the nukta of Indian scripts. Vowel signs of Indian and Thai scripts stay.
_MARKS: Final = (
    (0x0300, 0x036F),
    (0x0591, 0x05C7),
    (0x0610, 0x061A),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x093C, 0x093C),
    (0x09BC, 0x09BC),
    (0x0A3C, 0x0A3C),
    (0x0ABC, 0x0ABC),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F),
)


def normalise(text: str) -> str:
    """Return the words of a text in one spelling, single spaces between.

    Folds case, width and script variants; drops accents, invisible characters and emoji; reads
    punctuation as a space, an apostrophe as nothing. Letters set apart ("S.T.O.P") are joined.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_VARIANTS)
    plain = "".join(_plain(char) for char in unicodedata.normalize("NFKD", folded))
    words = unicodedata.normalize("NFC", plain).translate(_VARIANTS).split()
    if len(words) > 2 and all(len(word) == 1 for word in words):
        words = ["".join(words)]
    return " ".join(words)


@cache
def _plain(char: str) -> str:
    if any(first <= ord(char) <= last for first, last in _MARKS):
        return ""
    if char in "'’‘ʼ`´":
        return ""
    category = unicodedata.category(char)
    if category in {"Cf", "Sk"}:
        return ""
    return char if category[0] in "LMN" else " "


def without_courtesy(normalised: str, courtesies: Iterable[str]) -> str:
    """Strip polite words from both ends, and a word said several times to once.

    A message that is nothing but courtesy is returned as it is.
    """
    kept = normalised.split()
    phrases = [phrase.split() for phrase in courtesies]
    while stripped := _strip_once(kept, phrases):
        kept = stripped
    if len(set(kept)) == 1:
        kept = kept[:1]
    return " ".join(kept)


def _strip_once(words: list[str], phrases: list[list[str]]) -> list[str]:
    """Return the words less one phrase at an end; empty when there is none to strip."""
    for phrase in phrases:
        size = len(phrase)
        if size == 1 and len(words) == 1 and _is_unspaced(phrase[0]):
            rest = words[0].removeprefix(phrase[0]).removesuffix(phrase[0])
            if rest and rest != words[0]:
                return [rest]
        if len(words) <= size:
            continue
        if words[:size] == phrase:
            return words[size:]
        if words[-size:] == phrase:
            return words[:-size]
    return []


def _is_unspaced(phrase: str) -> bool:
    """Say whether it is Chinese or Japanese, where words follow each other without a space."""
    return all("\u3041" <= char <= "\u30ff" or "\u4e00" <= char <= "\u9fff" for char in phrase)
