"""An entry as bytes that are the same before and after it was stored, and what is made of them.

canonical bytes   JSON of every field, keys sorted, no spaces, numbers in one spelling
signature         HMAC-SHA256 of the canonical bytes under a key the database does not have
digest            SHA-256 of canonical bytes and signature: what the chain links
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from compliance.audit.models import AuditEntry
from config.lib import crypto

_VERSION: Final = 1
_PURPOSE: Final = "audit entries"
_KEY_NAME_LENGTH: Final = 8


def canonical(entry: AuditEntry) -> bytes:
    """Return every field of the entry but its signature as bytes."""
    created_at = entry.created_at.astimezone(UTC)
    fields = {
        "version": _VERSION,
        "id": str(entry.pk),
        "business": str(entry.business_id) if entry.business_id else None,
        "origin": str(entry.origin),
        "actor": entry.actor_id,
        "actor_name": entry.actor_name,
        "api_key": str(entry.api_key_id) if entry.api_key_id else None,
        "action": entry.action,
        "resource": entry.resource,
        "resource_id": entry.resource_id,
        "details": _plain(entry.details),
        "before": _plain(entry.before),
        "after": _plain(entry.after),
        "ip_address": address(entry.ip_address or ""),
        "request_id": entry.request_id,
        "created_at": created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(entry: AuditEntry) -> str:
    """Return the signature of an entry: the name of the key, a colon, the keyed hash."""
    key = keys()[0]
    return f"{_name(key)}:{_keyed(key, canonical(entry))}"


def is_signed(entry: AuditEntry) -> bool:
    """Say whether the entry was written by this application and is as it was written."""
    name, _, given = entry.signature.partition(":")
    found = next((key for key in keys() if _name(key) == name), None)
    return found is not None and hmac.compare_digest(_keyed(found, canonical(entry)), given)


def digest(entry: AuditEntry) -> str:
    """Return the hash that stands for the entry in the chain."""
    return hashlib.sha256(canonical(entry) + b"\n" + entry.signature.encode()).hexdigest()


def first_hash(business_id: UUID | None) -> str:
    """Return what the first link of a chain follows, so that no chain passes for another's."""
    return hashlib.sha256(f"switchboard audit {business_id or 'platform'}".encode()).hexdigest()


def next_hash(previous: str, entry_digest: str) -> str:
    """Return the hash of a link from the one before it and the digest of its entry."""
    return hashlib.sha256(bytes.fromhex(previous) + bytes.fromhex(entry_digest)).hexdigest()


def keys() -> list[bytes]:
    """Return the keys of signatures, newest first."""
    return crypto.derived_keys(_PURPOSE, secrets=settings.AUDIT_SIGNING_KEYS)


def address(text: str) -> str | None:
    """Return a network address in its one spelling, or None."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


@lru_cache(maxsize=16)
def _name(key: bytes) -> str:
    return hashlib.sha256(b"name" + key).hexdigest()[:_KEY_NAME_LENGTH]


def _keyed(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _plain(value: Any) -> Any:
    """Return the value with one spelling for each number, however PostgreSQL gives it back.

    It keeps the decimal digits a float is written with: 1.0 may come back as 1, 1e22 as an integer.
    """
    if isinstance(value, dict):
        return {key: _plain(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_plain(held) for held in value]
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    return value
