"""The proof of what a person agreed to: one page, signed, that can be checked later.

The file carries its facts in full (every line of the ledger, as JSON) beside the page people read,
and ends with an Ed25519 signature of all bytes before it. The page shows the digest of the facts
and a signature of that digest as well, for who holds paper only. The key is derived from the field
keys, so that the database alone cannot make a proof; keys that were replaced still verify.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.http import HttpResponse

from accounts.models import Business
from compliance import audit, consent, ledger, persons, proof_page
from compliance.models import ConsentEvent
from config.lib import crypto
from config.lib.errors import InvalidInput, NotFound

VERSION: Final = 1
_PURPOSE: Final = "consent proof"
# More lines than anybody has; who has more is shown the newest, and the facts say so.
_MOST_EVENTS: Final = 1000
_FACTS: Final = re.compile(rb"switchboard-proof:1:([A-Za-z0-9+/=]+);")
_SIGNATURE: Final = re.compile(rb"\n%switchboard-signature:1:([A-Za-z0-9+/=]{88})\n\Z")


class NotProven(InvalidInput):
    """The file is no proof of ours, or was changed."""

    code = "not_proven"


@dataclass(frozen=True, slots=True)
class Proof:
    """A finished proof: the file, and what it says."""

    content: bytes
    facts: Mapping[str, Any]
    digest: str


def make(address: str, *, by: Any, now: datetime) -> Proof:
    """Return the proof of a person of the business in scope; raises `NotFound` without a ledger.

    `address` is any address key of theirs. Writes an audit entry.
    """
    keys = persons.keys_of(address)
    events = list(ledger.list_events(keys)[: _MOST_EVENTS + 1])
    if not events:
        raise NotFound("Nothing was ever recorded for this person.")
    business = Business.objects.get(pk=events[0].business_id)
    facts = _facts(business, keys, events, now)
    digest = digest_of(facts)
    signer = _signers()[0]
    content = proof_page.draw(
        facts,
        zone=business.time_zone,
        digest=digest,
        signature=_signed(signer, digest.encode()),
        public_key=_public(signer),
        embedded=f"switchboard-proof:1:{_packed(facts)};",
    )
    content += f"\n%switchboard-signature:1:{_signed(signer, content)}\n".encode()
    audit.record(
        action="consent.proof_made",
        resource="consent",
        details={"digest": digest, "events": len(facts["events"])},
        actor=by.user if by else None,
        actor_name=by.actor_name if by else "",
    )
    return Proof(content, facts, digest)


def answer(made: Proof) -> HttpResponse:
    """Return a proof as a file to keep."""
    return HttpResponse(
        made.content,
        content_type="application/pdf",
        headers={
            "Content-Disposition": 'attachment; filename="proof-of-consent.pdf"',
            "Cache-Control": "no-store",
        },
    )


def verify(content: bytes) -> dict[str, Any]:
    """Return the facts of a proof that is exactly as it was made. Raises `NotProven`."""
    found = _SIGNATURE.search(content)
    if not found:
        raise NotProven("The file has no signature of a proof at its end.")
    signed = content[: found.start()]
    if not any(_verifies(key, found[1], signed) for key in _signers()):
        raise NotProven("The file was changed, or made by another installation.")
    packed = _FACTS.search(signed)
    if not packed:
        raise NotProven("The file is signed and holds no facts.")
    facts: dict[str, Any] = orjson.loads(zlib.decompress(base64.b64decode(packed[1])))
    return facts


def is_signed(digest: str, signature: str) -> bool:
    """Say whether the digest and the signature printed on a page belong together."""
    return any(_verifies(key, signature.encode(), digest.encode()) for key in _signers())


def public_key() -> str:
    """Return the key new proofs are verified with, as it is printed on them."""
    return _public(_signers()[0])


def digest_of(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the facts in their canonical form: JSON, keys sorted, no spaces."""
    return hashlib.sha256(_canonical(facts)).hexdigest()


def _facts(
    business: Business, keys: Sequence[str], events: Sequence[ConsentEvent], now: datetime
) -> dict[str, Any]:
    shown = events[:_MOST_EVENTS]
    return {
        "version": VERSION,
        "business": {"id": str(business.pk), "name": business.name},
        "addresses": list(keys),
        "made_at": _instant(now),
        "state": [
            {
                "scope": one.scope.value,
                "status": one.status.value if one.status else None,
                "changed_at": _instant(one.changed_at),
                "refusal": one.refusal,
                "blocked_until": _instant(one.blocked_until),
            }
            for one in consent.state(keys, now=now).values()
        ],
        "events": [_line(event) for event in shown],
        "is_complete": len(events) <= _MOST_EVENTS,
    }


def _line(event: ConsentEvent) -> dict[str, Any]:
    return {
        "id": str(event.pk),
        "address": event.address,
        "scope": event.scope,
        "status": event.status,
        "source": event.source,
        "reason": event.reason,
        "wording": event.wording,
        "language": event.language,
        "evidence": event.evidence,
        "ip_address": event.ip_address,
        "recorded_by": event.actor_id,
        "is_dated": event.is_dated,
        "occurred_at": _instant(event.occurred_at),
        "until": _instant(event.until),
        "recorded_at": _instant(event.recorded_at),
    }


def _canonical(facts: Mapping[str, Any]) -> bytes:
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)


def _packed(facts: Mapping[str, Any]) -> str:
    return base64.b64encode(zlib.compress(_canonical(facts), 9)).decode()


def _signers() -> list[Ed25519PrivateKey]:
    return [Ed25519PrivateKey.from_private_bytes(seed) for seed in crypto.derived_keys(_PURPOSE)]


def _signed(key: Ed25519PrivateKey, content: bytes) -> str:
    return base64.b64encode(key.sign(content)).decode()


def _verifies(key: Ed25519PrivateKey, signature: bytes, content: bytes) -> bool:
    try:
        key.public_key().verify(base64.b64decode(signature), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public(key: Ed25519PrivateKey) -> str:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
