"""Encryption at rest and keyed hashes, under keys that can be rotated.

`FIELD_ENCRYPTION_KEYS` lists keys, newest first. The newest encrypts, all of them decrypt;
rotate by prepending a key, running `rotate` over what is stored, then dropping the old one.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from config.lib.errors import ProjectError


class DecryptionFailed(ProjectError):
    """No key in `FIELD_ENCRYPTION_KEYS` opens this value."""

    code = "decryption_failed"


def encrypt(text: str) -> str:
    """Return the text sealed under the newest key."""
    return _box(_keys()).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return the text sealed in `token`; raises DecryptionFailed."""
    try:
        return _box(_keys()).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise DecryptionFailed("No configured key opens a stored secret.") from error


def rotate(token: str) -> str:
    """Return the same text sealed again under the newest key; raises DecryptionFailed."""
    try:
        return _box(_keys()).rotate(token.encode()).decode()
    except InvalidToken as error:
        raise DecryptionFailed("No configured key opens a stored secret.") from error


def keyed_hash(text: str) -> str:
    """Return a hex HMAC-SHA256 under the oldest key, which prepending a key leaves unchanged."""
    return keyed_hashes(text)[-1]


def keyed_hashes(text: str) -> list[str]:
    """Return the HMAC under every key, newest first: what a stored hash may be equal to."""
    return [
        hmac.new(_derive(key, "hash"), text.encode(), hashlib.sha256).hexdigest() for key in _keys()
    ]


def derived_keys(purpose: str, *, secrets: Sequence[str] = ()) -> list[bytes]:
    """Return 32 bytes per key for one purpose, newest first; `secrets` replace the field keys."""
    given = [secret.strip() for secret in secrets if secret.strip()]
    return [_derive(key, purpose) for key in given or _keys()]


def key_fingerprint() -> str:
    """Return a short name of the newest key, to tell which key a backup needs."""
    return hashlib.sha256(_derive(_keys()[0], "fingerprint")).hexdigest()[:16]


class EncryptedTextField(models.TextField[str, str]):
    """A text that is encrypted in the database and plain in Python; cannot be searched."""

    description = "Encrypted text"

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way in; empty stays empty."""
        plain = super().get_prep_value(value)
        return encrypt(plain) if plain else plain

    def from_db_value(
        self, value: str | None, expression: object, connection: BaseDatabaseWrapper
    ) -> str | None:
        """Decrypt on the way out."""
        return decrypt(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow `isnull` only: the same text never encrypts to the same token twice."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None


def _keys() -> tuple[str, ...]:
    if keys := tuple(key.strip() for key in settings.FIELD_ENCRYPTION_KEYS if key.strip()):
        return keys
    if not settings.SECRET_KEY:
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS is empty")
    return (settings.SECRET_KEY,)


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key, "box"))) for key in keys])


@lru_cache(maxsize=32)
def _derive(key: str, purpose: str) -> bytes:
    """Return 32 bytes for one purpose, so that no key serves two."""
    return HKDF(SHA256(), 32, salt=None, info=f"switchboard {purpose}".encode()).derive(
        key.encode()
    )
