"""The one secret of privacy: it hashes addresses and signs what must be believed later.

Field encryption keys come and go; a hash made today must be found again in ten years. So the
secret is a random one of the installation that never changes. It is stored sealed under the field
keys, in the database and beside the list of erasures, and only its seal is renewed (`reseal`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import connection, transaction

from compliance.privacy.models import PrivacyKey

_BYTES: Final = 32
_LOCK: Final = "switchboard privacy key"


@dataclass(frozen=True, slots=True)
class Key:
    """The secret with its name."""

    id: UUID
    secret: str

    def digest(self, business_id: UUID, address: str) -> str:
        """Return the keyed hash of an address; each business has its own for the same person."""
        text = f"{business_id}:{address}".encode()
        return hmac.new(self._derived("address"), text, hashlib.sha256).hexdigest()

    def sign(self, facts: Mapping[str, Any]) -> str:
        """Return the Ed25519 signature of these facts in their canonical form."""
        return base64.b64encode(self._signer().sign(canonical(facts))).decode()

    @property
    def public(self) -> str:
        """The public half signatures are checked with."""
        return base64.b64encode(self._signer().public_key().public_bytes_raw()).decode()

    def _signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._derived("signature"))

    def _derived(self, purpose: str) -> bytes:
        return _derive(self.secret, purpose)


@lru_cache(maxsize=8)
def _derive(secret: str, purpose: str) -> bytes:
    info = f"switchboard privacy {purpose}".encode()
    return HKDF(SHA256(), _BYTES, salt=None, info=info).derive(bytes.fromhex(secret))


def current() -> Key:
    """Return the secret new hashes are made with; made when it is first needed."""
    if found := known():
        return found[-1]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_LOCK])
        if found := known():
            return found[-1]
        made = PrivacyKey.objects.create(secret=secrets.token_hex(_BYTES))
    return Key(made.pk, made.secret)


def known() -> list[Key]:
    """Return every secret there is, oldest first; a restore may bring in another one."""
    return [Key(row.pk, row.secret) for row in PrivacyKey.objects.order_by("created_at", "id")]


def adopt(key: Key) -> None:
    """Take over a secret of the list outside the database, if it is not known here."""
    PrivacyKey.objects.get_or_create(pk=key.id, defaults={"secret": key.secret})


def reseal() -> int:
    """Store every secret again under the newest field key; return how many."""
    rows = list(PrivacyKey.objects.all())
    for row in rows:
        row.save(update_fields=["secret"])
    return len(rows)


def digests(business_id: UUID, addresses: Sequence[str]) -> dict[str, str]:
    """Return the address of every digest it may be stored under."""
    return {key.digest(business_id, one): one for key in known() for one in addresses}


def is_signed(facts: Mapping[str, Any], signature: str, public: str) -> bool:
    """Say whether the signature is that of these facts."""
    try:
        verifier = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
        verifier.verify(base64.b64decode(signature), canonical(facts))
    except (InvalidSignature, ValueError):
        return False
    return True


def canonical(facts: Mapping[str, Any]) -> bytes:
    """Return facts as the bytes that are signed: JSON, keys sorted, no spaces."""
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
