"""The proof of an erasure: every store with what was removed from it, signed with Ed25519."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from compliance.privacy import keys, registry
from compliance.privacy.models import PrivacyRequest

VERSION: Final = 1
# Stores no step can clear, and why that is so.
REMAINS: Final = (
    {
        "store": "Backups",
        "explanation": "Archives cannot be changed. They are deleted after their time; whoever "
        "restores one before that has every erasure repeated from a list kept outside the "
        "database.",
    },
    {
        "store": "Suppression list",
        "explanation": "A keyed hash of each address stays, so that nobody writes to the person "
        "by an old list. Only who holds this system's secret key can tell whether it stands for a "
        "given address.",
    },
    {
        "store": "Audit trail",
        "explanation": "Entries say who of the business did what and when. Of the people written "
        "to they hold no name, no text and no whole number.",
    },
    {
        "store": "Statistics",
        "explanation": "Sums by hour and campaign, from which nobody can be told.",
    },
    {
        "store": "Meta",
        "explanation": "Messages on the person's own telephone, and what Meta keeps for WhatsApp "
        "by its own terms, are out of reach.",
    },
)


def make(request: PrivacyRequest, *, now: datetime) -> dict[str, Any]:
    """Return the certificate of a finished erasure, with its signature and public key."""
    facts = _facts(request, now)
    key = keys.current()
    return {"facts": facts, "signature": key.sign(facts), "public_key": key.public}


def is_valid(certificate: Mapping[str, Any]) -> bool:
    """Say whether nothing in the certificate was changed since it was signed, with our key."""
    facts, signature = certificate.get("facts"), certificate.get("signature", "")
    if not isinstance(facts, dict):
        return False
    return any(keys.is_signed(facts, signature, key.public) for key in keys.known())


def _facts(request: PrivacyRequest, now: datetime) -> dict[str, Any]:
    counts = request.progress["counts"]
    return {
        "version": VERSION,
        "request": str(request.pk),
        "business": str(request.business_id),
        "person": request.label,
        "asked_at": _instant(request.received_at),
        "due_at": _instant(request.due_at),
        "erased_at": _instant(now),
        "digests": sorted(request.digests),
        "stores": [
            {
                "store": holder.title,
                "name": holder.name,
                "explanation": holder.explanation,
                "removed": counts.get(holder.name, {}),
            }
            for holder in registry.holders()
        ],
        "remains": list(REMAINS),
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
