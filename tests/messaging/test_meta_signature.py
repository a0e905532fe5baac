"""The signature of a webhook."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.meta import signature

SECRET = "made-up-secret"
BODY = b'{"text":"Buenas \\ud83d\\ude0a, \\u00bfa qu\\u00e9 hora?"}'


def test_a_signature_is_the_hmac_of_the_raw_bytes() -> None:
    expected = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()

    assert signature.sign(SECRET, BODY) == f"sha256={expected}"


def test_a_good_signature_is_valid_as_text_and_as_bytes() -> None:
    header = signature.sign(SECRET, BODY)

    assert signature.is_valid(SECRET, BODY, header)
    assert signature.is_valid(SECRET, BODY, header.encode())


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        "sha1=" + "0" * 64,
        "0" * 64,
        signature.sign(SECRET, BODY)[:-1],
        signature.sign(SECRET, BODY) + "0",
        signature.sign(SECRET, BODY).replace("sha256=", "SHA256="),
        signature.sign("another", BODY),
        signature.sign(SECRET, BODY + b" "),
        "sha256=" + "é" * 64,
        b"sha256=" + b"\xff" * 64,
    ],
)
def test_anything_else_is_not(header: str | bytes | None) -> None:
    assert not signature.is_valid(SECRET, BODY, header)


def test_without_a_secret_nothing_is_valid() -> None:
    assert not signature.is_valid("", BODY, signature.sign("", BODY))


@given(body=st.binary(max_size=200), header=st.one_of(st.none(), st.text(), st.binary()))
def test_no_header_can_make_the_check_raise(body: bytes, header: str | bytes | None) -> None:
    assert not signature.is_valid(SECRET, body, header)
