"""Signed heads of the chains, kept where who owns the database cannot reach them.

A file per chain and day, in the storage of backups: `audit/<business>/<day>-<position>.json`.
Within a day the newest replaces the one before, so each chain keeps one for every day it grew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from compliance.audit import chain
from compliance.audit.chain import Head
from config.lib import crypto
from config.lib.storage import storage_for

_PURPOSE: Final = "audit checkpoints"
_PLATFORM: Final = "platform"
# What else lies in the storage is none of ours.
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME: Final = re.compile(r"\d{4}-\d\d-\d\d-\d{12,}\.json")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a chain was seen to be. `is_genuine` is False for one that we did not sign."""

    name: str
    head: Head
    at: str
    is_genuine: bool


class ChainNotFollowing(Exception):
    """Raise when a chain no longer leads on from what was signed of it."""


def write(head: Head, *, now: datetime) -> bool:
    """Store a signed checkpoint unless the newest one covers as much; tell whether it did.

    Raises `ChainNotFollowing`, and leaves the checkpoints as they are, when the chain lost what
    the newest one signed: signing its new end would hide that.
    """
    require_following(head.business_id)
    place, folder = _storage(), _folder(head.business_id)
    names = _names(place, folder)
    day = now.astimezone(UTC).strftime("%Y-%m-%d")
    name = f"{day}-{head.position:012d}.json"
    if not head.position or (names and _position(names[-1]) >= head.position):
        return False
    place.save(f"{folder}/{name}", ContentFile(_signed(head, now)))
    for old in names:
        if old.startswith(day) and old != name:
            place.delete(f"{folder}/{old}")
    return True


def read(business_id: UUID | None) -> Iterator[Checkpoint]:
    """Yield the checkpoints of a chain, oldest first; of one replaced meanwhile, the newer."""
    place, folder = _storage(), _folder(business_id)
    names = _names(place, folder)
    while names:
        name, *names = names
        try:
            yield _opened(place, business_id, name)
        except FileNotFoundError:
            names = _newer(place, folder, name)
            if not names:
                raise


def require_following(business_id: UUID | None) -> None:
    """Raise `ChainNotFollowing` unless the newest checkpoint is on the chain as it is now."""
    newest = _find_newest(business_id)
    if newest is None:
        return
    if not newest.is_genuine:
        raise ChainNotFollowing(f"the checkpoint {newest.name} was not signed by Switchboard")
    if chain.hash_at(business_id, newest.head.position) != newest.head.chain_hash:
        raise ChainNotFollowing(
            f"entry {newest.head.position}, signed at {newest.at}, is not what it was or is gone"
        )


def signed_position(business_id: UUID | None) -> int:
    """Return how far the newest checkpoint signs the chain; 0 without one of ours."""
    newest = _find_newest(business_id)
    return newest.head.position if newest and newest.is_genuine else 0


def chains() -> list[UUID | None]:
    """Return the chains of which there are checkpoints."""
    place = _storage()
    folders = sorted(place.listdir("")[0]) if _exists(place) else []
    known = [folder for folder in folders if folder == _PLATFORM or _UUID.fullmatch(folder)]
    return [None if folder == _PLATFORM else UUID(folder) for folder in known]


def public_key() -> str:
    """Return the key that proves checkpoints, in hex: anyone may have it."""
    return _public(_keys()[0])


def _signed(head: Head, now: datetime) -> bytes:
    key = _keys()[0]
    said = _statement(head, now.astimezone(UTC).isoformat())
    return _bytes(said | {"key": _public(key), "signature": key.sign(_bytes(said)).hex()})


def _parsed(business_id: UUID | None, name: str, raw: bytes) -> Checkpoint:
    try:
        held = json.loads(raw)
        key, signature = held.pop("key"), bytes.fromhex(held.pop("signature"))
        head = Head(business_id, int(held["position"]), str(held["chain_hash"]))
        is_genuine = held == _statement(head, held["at"]) and _is_signed(key, signature, held)
        return Checkpoint(name, head, str(held["at"]), is_genuine)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Checkpoint(name, Head(business_id, 0, ""), "", is_genuine=False)


def _is_signed(key: str, signature: bytes, held: dict[str, Any]) -> bool:
    known = next((one for one in _keys() if _public(one) == key), None)
    if known is None:
        return False
    try:
        known.public_key().verify(signature, _bytes(held))
    except InvalidSignature:
        return False
    return True


def _statement(head: Head, at: str) -> dict[str, Any]:
    return {
        "chain": str(head.business_id or _PLATFORM),
        "position": head.position,
        "chain_hash": head.chain_hash,
        "at": at,
    }


def _bytes(held: dict[str, Any]) -> bytes:
    return json.dumps(held, sort_keys=True, separators=(",", ":")).encode()


def _keys() -> list[Ed25519PrivateKey]:
    seeds = crypto.derived_keys(_PURPOSE, secrets=settings.AUDIT_SIGNING_KEYS)
    return [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _storage() -> Storage:
    return storage_for(f"{settings.BACKUP_STORAGE_URL.rstrip('/')}/audit")


def _folder(business_id: UUID | None) -> str:
    return str(business_id or _PLATFORM)


def _names(place: Storage, folder: str) -> list[str]:
    """Return the names of a chain's checkpoints, by day and position."""
    try:
        return sorted(name for name in place.listdir(folder)[1] if _NAME.fullmatch(name))
    except FileNotFoundError:
        return []


def _find_newest(business_id: UUID | None) -> Checkpoint | None:
    place, folder = _storage(), _folder(business_id)
    names = _names(place, folder)
    while names:
        try:
            return _opened(place, business_id, names[-1])
        except FileNotFoundError:
            names = _newer(place, folder, names[-1])
            if not names:
                raise
    return None


def _newer(place: Storage, folder: str, gone: str) -> list[str]:
    """Return what came after one that is gone: sealing replaces the checkpoint of the day."""
    return [name for name in _names(place, folder) if name > gone]


def _opened(place: Storage, business_id: UUID | None, name: str) -> Checkpoint:
    with place.open(f"{_folder(business_id)}/{name}") as file:
        return _parsed(business_id, name, file.read())


def _exists(place: Storage) -> bool:
    try:
        place.listdir("")
    except FileNotFoundError:
        return False
    return True


def _position(name: str) -> int:
    return int(name.removesuffix(".json").rpartition("-")[2])
