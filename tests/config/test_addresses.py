"""Phone numbers in every spelling, and one key for one person."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import addresses
from config.lib.addresses import Address, InvalidAddress, mask, parse_phone, phone_key

SPELLINGS = [
    ("+55 11 98765-4321", None, "+5511987654321"),
    ("0055 (11) 98765.4321", None, "+5511987654321"),
    ("5511987654321", None, "+5511987654321"),
    ("11 98765-4321", "BR", "+5511987654321"),
    ("5511987654321", "BR", "+5511987654321"),
    ("11 8765-4321", "br", "+5511987654321"),
    ("551187654321", None, "+5511987654321"),
    ("+551131234567", None, "+551131234567"),
    ("+52 1 55 1234 5678", None, "+525512345678"),
    ("5215512345678", None, "+525512345678"),
    ("044 55 1234 5678", "MX", "+525512345678"),
    ("55 1234 5678", "MX", "+525512345678"),
    ("+54 9 11 5555-1234", None, "+5491155551234"),
    ("5491155551234", None, "+5491155551234"),
    ("011 15 5555-1234", "AR", "+5491155551234"),
    ("+54 11 15 5555 1234", None, "+5491155551234"),
    ("+54 9 11 15 5555 1234", None, "+5491155551234"),
    ("+44 (0)20 7946 0958", None, "+442079460958"),
    ("+39 06 1234 5678", None, "+390612345678"),
    ("97123456", "BJ", "+2290197123456"),
    ("+225 07 12 34 56", None, "+2250707123456"),
    (
        "\uff0b\uff15\uff15\u3000\uff11\uff11 \uff19\uff18\uff17\uff16\uff15"
        "\uff0d\uff14\uff13\uff12\uff11",
        None,
        "+5511987654321",
    ),
    (
        "+\u0669\u0666\u0666\u0665\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667",
        None,
        "+966501234567",
    ),
    ("\u202a+1\u00a0212\u2011555\u20110123\u202c", None, "+12125550123"),
    ("\u200b+49\u2009151 / 23456789\ufeff", None, "+4915123456789"),
]


@pytest.mark.parametrize(("text", "region", "expected"), SPELLINGS)
def test_a_number_is_read_in_any_common_form(text: str, region: str | None, expected: str) -> None:
    assert parse_phone(text, region=region) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  \u200b ", "empty"),
        ("hello", "characters"),
        ("+1 800 FLOWERS", "characters"),
        ("+1+2125550123", "characters"),
        ("+34\x00600111222", "characters"),
        ("+999123456789", "country code"),
        ("+34600", "short"),
        ("+12", "not a phone number"),
        ("+346001112223334445", "long"),
        ("1" * 500, "long"),
        ("+15550001111", "no such number"),
        ("+551187654", "short"),
        ("+", "characters"),
        ("00", "not a phone number"),
        ("\u0967" * 3, "short"),
        ("\u2460\u2461\u2462", "short"),
    ],
)
def test_a_bad_number_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidAddress) as refused:
        parse_phone(text)

    assert refused.value.code == "invalid_recipient"
    assert reason in refused.value.detail
    assert len(text) < 5 or text not in refused.value.detail


@given(text=st.text(max_size=70), region=st.sampled_from([None, "BR", "AR", "US", "xx", ""]))
def test_no_text_breaks_the_parser(text: str, region: str | None) -> None:
    try:
        parsed = parse_phone(text, region=region)
    except InvalidAddress:
        return

    assert re.fullmatch(r"\+[1-9]\d{6,14}", parsed)
    assert parse_phone(parsed) == parsed


PEOPLE = [
    ("+5511987654321", ["+551187654321", "551187654321", "5511987654321"]),
    ("+5531998765432", ["553198765432", "+55 31 9 9876-5432"]),
    ("+551131234567", ["551131234567"]),
    ("+525512345678", ["5215512345678", "+5215512345678", "525512345678"]),
    ("+5491155551234", ["541155551234", "+5491155551234", "54111555551234"]),
    ("+5493515551234", ["543515551234", "5493515551234", "+54351155551234"]),
    ("+2290197123456", ["22997123456", "2290197123456"]),
    ("+2250707123456", ["22507123456", "2250707123456"]),
    ("+390612345678", ["390612345678"]),
    ("+12125550123", ["12125550123", "+1 (212) 555-0123"]),
    ("+34600111222", ["34600111222"]),
    ("+919876543210", ["919876543210"]),
]


@pytest.mark.parametrize(("key", "spellings"), PEOPLE)
def test_every_spelling_of_a_person_has_one_key(key: str, spellings: list[str]) -> None:
    assert {phone_key(spelling) for spelling in [key, *spellings]} == {key}


def test_different_people_have_different_keys() -> None:
    keys = [key for key, _ in PEOPLE]

    assert len({phone_key(key) for key in keys}) == len(keys)


@given(digits=st.from_regex(r"\A(55|52|521|54|549|229|225|1|39|34)?[0-9]{4,14}\Z"))
def test_a_key_is_its_own_key(digits: str) -> None:
    key = phone_key(digits)

    assert phone_key(key) == key
    assert re.fullmatch(r"\+\d+", key)


@given(area=st.sampled_from(["11", "21", "31", "85"]), rest=st.from_regex(r"\A[6-9][0-9]{7}\Z"))
def test_brazilians_are_found_with_and_without_the_ninth_digit(area: str, rest: str) -> None:
    assert phone_key(f"55{area}{rest}") == phone_key(f"+55{area}9{rest}")


@given(rest=st.from_regex(r"\A[2-9][0-9]{9}\Z"))
def test_mexicans_and_argentines_are_found_in_either_form(rest: str) -> None:
    assert phone_key(f"521{rest}") == phone_key(f"+52{rest}")
    assert phone_key(f"549{rest}") == phone_key(f"+54{rest}")


def test_a_user_id_of_meta_is_an_address() -> None:
    address = Address.parse(" US.13491208655302741918 ")

    assert (address.kind, address.key) == ("bsuid", "US.13491208655302741918")
    assert addresses.is_bsuid("US.ENT.11815799212886844830")
    assert not addresses.is_bsuid("us.123")
    assert not addresses.is_bsuid("US." + "1" * 129)


def test_a_phone_is_an_address_with_the_key_of_its_person() -> None:
    address = Address.parse("11 8765-4321", region="BR")

    assert (address.kind, address.value, address.key) == (
        "phone",
        "+5511987654321",
        "+5511987654321",
    )


def test_an_address_never_prints_itself() -> None:
    assert mask("+5511987654321") == "+55•••••4321"
    assert mask("12125550123") == "+1•••••0123"
    assert mask("+2250707123456") == "+225•••••3456"
    assert mask("US.13491208655302741918") == "US.•••••1918"
    assert str(Address("+5511987654321")) == "+55•••••4321"
    assert mask("") == "+•••••"


def test_ids_of_meta_become_numbers() -> None:
    assert addresses.wa_id_to_phone("5215512345678") == "+5215512345678"
