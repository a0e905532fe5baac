"""Make `examples/contacts.csv`: a thousand rows as real files are, the same ones every time.

    python -m config.dev.example_contacts

Numbers have the shape of real ones and lie in blocks of zeros and fives. Their last two digits run
from 00 to 99, so that every outcome of the sandbox's rule occurs and most messages are read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from config.lib.addresses import parse_phone

SEED: Final = 20_261_120
ROWS: Final = 1000
REGION: Final = "ES"
PATH: Final = Path(__file__).resolve().parents[2] / "examples" / "contacts.csv"
COLUMNS: Final = (
    "Name",
    "Phone",
    "Consent",
    "Consent date",
    "Language",
    "Tags",
    "City",
    "Order",
    "User ID",
)

Row = dict[str, str]


@dataclass(frozen=True)
class Country:
    """Where some of the people live: how numbers look there, how people are called."""

    prefix: str
    national: str
    people: int
    language: str
    cities: tuple[str, ...]
    names: tuple[str, ...]
    surnames: tuple[str, ...]

    def number(self, index: int) -> str:
        """Return the number of the country's person `index`, in E.164."""
        return f"+{self.prefix}{self.national}{index:03d}"


COUNTRIES: Final = (
    Country("34", "600555", 285, "es", ("Madrid", "Sevilla", "A Coruña", "València"),
            ("Lucía", "Martín", "Begoña", "Íñigo", "Carmen", "Álvaro", "Núria", "Jordi"),
            ("García", "Muñoz", "Peña", "Ibáñez", "Echeverría", "de la Fuente")),
    Country("55", "11985550", 150, "pt_BR", ("São Paulo", "Florianópolis", "Goiânia"),
            ("João", "Conceição", "Thaís", "Luís", "Mariângela", "Antônio"),
            ("Araújo", "Gonçalves", "Simões", "Brandão", "do Nascimento")),
    Country("52", "5555000", 120, "es_MX", ("Ciudad de México", "Mérida", "León"),
            ("José", "Ximena", "Itzel", "Ángel", "Guadalupe"), ("Hernández", "Núñez", "Cu")),
    Country("549", "1155500", 90, "es_AR", ("Buenos Aires", "Rosario", "Tucumán"),
            ("Agustín", "Belén", "Facundo", "Micaela"), ("Fernández", "Giménez", "Agüero")),
    Country("49", "15155500", 65, "de", ("Köln", "München", "Düsseldorf"),
            ("Jürgen", "Zoë", "Sören", "Anneliese"), ("Groß", "Müller-Lüdenscheidt", "Weiß")),
    Country("33", "655500", 60, "fr", ("Besançon", "Nîmes", "Orléans"),
            ("Éloïse", "François", "Gaëlle", "Noël"), ("Lefèvre", "D'Angély", "Hélène-Garçon")),
    Country("44", "7400555", 55, "en_GB", ("London", "Leeds", "Llandudno"),
            ("Siân", "Oliver", "Aoife"), ("O'Neill", "Smith", "Featherstonehaugh")),
    Country("91", "9555500", 40, "hi", ("मुंबई", "Bengaluru", "दिल्ली"),
            ("प्रिया", "अर्जुन", "Ananya", "विक्रम"), ("शर्मा", "Iyer", "पटेल")),
    Country("971", "505550", 30, "ar", ("دبي", "Abu Dhabi", "الشارقة"),
            ("فاطمة", "محمد", "Layla", "يوسف"), ("الهاشمي", "Haddad", "المنصوري")),
    Country("81", "9055550", 30, "ja", ("東京", "大阪", "京都"),
            ("さくら", "健太", "ゆい", "太郎"), ("田中", "佐藤", "髙橋", "渡邉")),
)  # fmt: skip

YES: Final = ("yes", "yes", "yes", "Yes", "TRUE", "1", "x", "sí", "opt-in")
NO: Final = ("no", "withdrawn", "opt-out", "NO", "unsubscribed")
TAGS: Final = ("vip", "newsletter", "vip, newsletter", "wholesale", "", "", "", "Black Friday")
INVALID: Final = (
    "3.46E+10", "n/a", "12345", "+34 600 55", "+999 600 555 123", "call me!", "+34 000 000 000",
    "0", "+55 11", "6005550001234567", "3.46005E+10", "+44 20", "555-CALL-NOW", "?", "+1 123",
)  # fmt: skip
FORMULA: Final = '=HYPERLINK("http://example.com","Click")'


def build() -> bytes:
    """Return the file: UTF-8 with the mark Excel writes, its line ends, commas."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n", restval="")
    writer.writeheader()
    writer.writerows(rows())
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def rows() -> list[Row]:
    """Return the thousand rows in the order of the file."""
    rng = Random(SEED)  # noqa: S311  # the same rows every time
    people = [row for country in COUNTRIES for row in _people(country, rng)]
    rng.shuffle(people)
    for row in people[:40]:
        row["Consent"], row["Consent date"] = "", ""
    for row in people[40:70]:
        row["Consent"] = rng.choice(NO)
    people[70]["Consent"] = "maybe"
    people[71]["Name"], people[72]["Name"] = "Lucía 🌻", "DJ Íñigo 🎧🔥"
    people[73]["User ID"] = "ES.1349120865530274173"
    everything = [*people, *_duplicates(people[100:130], rng), *_oddities(rng)]
    rng.shuffle(everything)
    if len(everything) != ROWS:
        raise ValueError(f"{len(everything)} rows, not {ROWS}")
    return everything


def _people(country: Country, rng: Random) -> Iterator[Row]:
    for index in range(country.people):
        number = country.number(index)
        name = f"{rng.choice(country.names)} {rng.choice(country.surnames)}"
        yield {
            "Name": name if country.prefix != "81" else "".join(reversed(name.partition(" "))),
            "Phone": _spelt(number, rng),
            "Consent": rng.choice(YES),
            "Consent date": _date(rng),
            "Language": country.language,
            "Tags": rng.choice(TAGS),
            "City": rng.choice(country.cities),
            "Order": f"A-{rng.randrange(1000, 9999)}" if rng.random() < 0.8 else "",
        }


def _duplicates(originals: list[Row], rng: Random) -> Iterator[Row]:
    """Name people a second time, their number spelt in another way."""
    for row in originals:
        number = parse_phone(row["Phone"], region=REGION)
        others = [one for one in _spellings(number) if one != row["Phone"]]
        yield row | {"Phone": rng.choice(others), "Name": row["Name"].upper(), "Order": ""}


def _oddities(rng: Random) -> Iterator[Row]:
    """Give the rows every real file has: no number, no such number, a formula, only a user id."""
    for index in range(38):
        yield {
            "Name": FORMULA if index == 0 else f"Contact {index + 1}",
            "Phone": INVALID[index % len(INVALID)],
            "Consent": rng.choice(YES),
        }
    for name in ("Sin teléfono", "名無しの権兵衛", "", "Email only"):
        yield {"Name": name, "Consent": "yes", "City": "Madrid"}
    yield {"Name": "Valentina", "Phone": "+34 600 556 001", "Consent": "yes", "Language": "Klingon"}
    yield {
        "Name": "Teo",
        "Phone": "+34 600 556 002",
        "Consent": "yes",
        "Consent date": "31/02/2024",
    }
    yield {
        "Name": "@lucia.ferrer",
        "User ID": "ES.1349120865530274118",
        "Consent": "yes",
        "Consent date": "2024-05-01",
        "Language": "es",
        "Tags": "username",
        "City": "Zaragoza",
        "Order": "A-1118",
    }


def _date(rng: Random) -> str:
    year, month, day = rng.choice((2023, 2024)), rng.randrange(1, 13), rng.randrange(1, 29)
    if rng.random() < 0.2:
        return f"{day:02d}/{month:02d}/{year}"
    return f"{year}-{month:02d}-{day:02d}"


def _spelt(number: str, rng: Random) -> str:
    return rng.choice(_spellings(number))


def _spellings(number: str) -> list[str]:
    """Return the ways people write this number; each is read as the same one."""
    digits = number[1:]
    ways = [number, f"00{digits}", f"+{digits[:2]} {digits[2:5]} {digits[5:8]} {digits[8:]}"]
    for prefix, more in _NATIONAL.items():
        if digits.startswith(prefix):
            ways += more(digits.removeprefix(prefix))
    for way in ways:
        if parse_phone(way, region=REGION) != number:
            raise ValueError(f"{way!r} is not read as {number}")
    return ways


_ARABIC_DIGITS: Final[dict[int, str]] = {
    ord("0") + digit: chr(0x0660 + digit) for digit in range(10)
}
_NATIONAL: Final[dict[str, Callable[[str], list[str]]]] = {
    "34": lambda n: [n, f"{n[:3]} {n[3:6]} {n[6:]}", f"(+34) {n[:3]}-{n[3:6]}-{n[6:]}"],
    # Brazil with and without the ninth digit.
    "55": lambda n: [f"+55 ({n[:2]}) {n[2:7]}-{n[7:]}", f"+55 {n[:2]} {n[3:7]}-{n[7:]}", f"55{n}"],
    # Mexico with the mobile 1 of before 2019.
    "52": lambda n: [f"+52 1 {n[:2]} {n[2:6]} {n[6:]}", f"+52 {n[:2]} {n[2:6]} {n[6:]}"],
    # Argentina with the domestic 15 instead of the international 9.
    "549": lambda n: [f"+54 {n[:2]} 15-{n[2:6]}-{n[6:]}", f"+54 9 {n[:2]} {n[2:6]}-{n[6:]}"],
    "49": lambda n: [f"+49 (0){n[:3]} {n[3:]}", f"+49{n[:3]}/{n[3:]}"],
    "33": lambda n: [f"+33 {n[0]} {n[1:3]} {n[3:5]} {n[5:7]} {n[7:]}", f"0033.{n}"],
    "44": lambda n: [f"+44 (0){n[:4]} {n[4:]}", f"+44\u00a0{n[:4]}\u00a0{n[4:]}"],
    "91": lambda n: [f"+91-{n[:5]}-{n[5:]}"],
    "971": lambda n: ["+" + f"971{n}".translate(_ARABIC_DIGITS)],
    "81": lambda n: [f"+81-{n[:2]}-{n[2:6]}-{n[6:]}", f"＋81{n}"],  # noqa: RUF001  # as typed
}


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_bytes(build())
    print(f"{ROWS} rows written to {PATH.relative_to(Path.cwd())}.")
