"""Sealed archives open with their key only, and tell where they are damaged."""

from __future__ import annotations

import hashlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from backups import seal
from backups.errors import Damaged, KeyMissing, NotAnArchive, Truncated, WrongKey
from backups.seal import BLOCK, Archive, Sealer

KEY, OTHER = seal.stretch("correct horse"), seal.stretch("battery staple")


def sealed(plain: bytes, *, piece: int = 100_000) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, KEY)
    for start in range(0, len(plain), piece):
        sealer.write(plain[start : start + piece])
    sealer.finish()
    assert sealer.size == len(out.getvalue())
    assert sealer.sha256 == hashlib.sha256(out.getvalue()).hexdigest()
    return out.getvalue()


def opened(raw: bytes) -> bytes:
    return b"".join(Archive(io.BytesIO(raw), KEY).plain())


PLAIN = os.urandom(3 * BLOCK + 12_345)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_what_is_sealed_comes_back(size: int) -> None:
    assert opened(sealed(PLAIN[:size])) == PLAIN[:size]


def test_the_same_contents_never_look_the_same() -> None:
    assert sealed(b"hello") != sealed(b"hello")
    assert b"hello" not in sealed(b"hello")


def test_a_flipped_byte_names_its_block_and_others_stay_readable() -> None:
    raw = bytearray(sealed(PLAIN))
    raw[len(raw) // 2] ^= 1

    problems = Archive(io.BytesIO(raw), KEY).problems()

    assert [type(one) for one in problems] == [Damaged]
    assert problems[0].detail.startswith("Block 2 of 4 is damaged (bytes 1,0")
    with pytest.raises(Damaged):
        opened(bytes(raw))


def test_another_key_is_told_by_name() -> None:
    with pytest.raises(WrongKey, match=KEY.fingerprint) as refused:
        Archive(io.BytesIO(sealed(PLAIN)), OTHER)

    assert OTHER.fingerprint in refused.value.detail


@pytest.mark.parametrize("left", [0.2, 0.5, 0.999999])
def test_a_cut_archive_says_so(left: float) -> None:
    raw = sealed(PLAIN)

    (problem,) = Archive(io.BytesIO(raw[: int(len(raw) * left)]), KEY).problems()

    assert isinstance(problem, Truncated)


def test_blocks_cannot_be_swapped_left_out_or_taken_from_another_archive() -> None:
    raw, other = sealed(PLAIN), sealed(PLAIN)
    head, width = 44, BLOCK + 16
    first, second = raw[head : head + width], raw[head + width : head + 2 * width]

    swapped = raw[:head] + second + first + raw[head + 2 * width :]
    shorter = raw[:head] + second + raw[head + 2 * width :]
    mixed = raw[:head] + other[head : head + width] + raw[head + width :]

    for bad in (swapped, shorter, mixed):
        assert Archive(io.BytesIO(bad), KEY).problems()


@pytest.mark.parametrize("raw", [b"", b"SWBACKUP", b"PGDMP" + bytes(100), bytes(200)])
def test_another_file_is_no_archive(raw: bytes) -> None:
    with pytest.raises(NotAnArchive):
        Archive(io.BytesIO(raw), KEY)


RAW = sealed(PLAIN[: BLOCK + 10])


@given(place=st.integers(0, len(RAW) - 1), bit=st.integers(0, 7))
@examples(max_examples=40, deadline=None)
def test_no_flipped_bit_goes_unnoticed(place: int, bit: int) -> None:
    raw = bytearray(RAW)
    raw[place] ^= 1 << bit

    with pytest.raises((Damaged, NotAnArchive, Truncated, WrongKey)):
        opened(bytes(raw))


def test_production_needs_a_key_and_debug_makes_one(settings: Settings) -> None:
    settings.BACKUP_ENCRYPTION_KEY = ""
    settings.DEBUG = False
    with pytest.raises(KeyMissing):
        seal.configured_key()

    settings.DEBUG = True
    assert seal.configured_key() == seal.configured_key()
