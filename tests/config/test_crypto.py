"""Secrets at rest: sealed under the newest key, opened by any."""

import pytest
from django.core.exceptions import FieldError
from django.db import connection
from pytest_django.fixtures import Settings

from accounts.models import WhatsAppAccount
from config.lib import crypto


def test_a_secret_comes_back_and_looks_different_each_time() -> None:
    first, second = crypto.encrypt("EAAsecret"), crypto.encrypt("EAAsecret")

    assert first != second
    assert "EAAsecret" not in first
    assert crypto.decrypt(first) == crypto.decrypt(second) == "EAAsecret"


def test_keys_rotate_by_prepending(settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["old"]
    sealed, hashed = crypto.encrypt("secret"), crypto.keyed_hash("secret")

    settings.FIELD_ENCRYPTION_KEYS = ["new", "old"]
    assert crypto.decrypt(sealed) == "secret"
    assert crypto.keyed_hash("secret") == hashed
    rotated = crypto.rotate(sealed)

    settings.FIELD_ENCRYPTION_KEYS = ["new"]
    assert crypto.decrypt(rotated) == "secret"
    assert crypto.keyed_hash("secret") != hashed
    with pytest.raises(crypto.DecryptionFailed):
        crypto.decrypt(sealed)


def test_garbage_is_refused_by_name() -> None:
    with pytest.raises(crypto.DecryptionFailed):
        crypto.decrypt("not a token")


def test_the_field_encrypts_and_cannot_be_searched() -> None:
    field = WhatsAppAccount._meta.get_field("access_token")
    stored = field.get_prep_value("EAAsecret")

    assert "EAAsecret" not in stored
    assert field.from_db_value(stored, None, connection) == "EAAsecret"
    assert field.get_prep_value("") == ""
    with pytest.raises(FieldError):
        WhatsAppAccount.across_businesses.filter(access_token="EAAsecret")


def test_the_fingerprint_names_the_newest_key(settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["a", "b"]
    first = crypto.key_fingerprint()
    settings.FIELD_ENCRYPTION_KEYS = ["a"]

    assert crypto.key_fingerprint() == first
    assert len(first) == 16
