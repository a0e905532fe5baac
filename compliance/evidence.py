"""How a consent can be shown to be true: kinds of evidence, and what each must say.

    form       a form on a page: `url`; also `fields`, `ip_address`, `submitted_at`
    message    a message of the person: `message` or `wamid`; also `text`
    file_row   a row of a file: `file`, `row`; also `sha256`, `cells`. Our own imports tell no
               `file`, which may name others: `sha256` and, of contacts, `import` stand for it
    operator   somebody who was told: `operator`; also `note`
    call       a telephone call: `called_at`; also `recording`, `operator`
    document   a signed paper: `document`; also `signed_at`

Evidence without a kind is kept as it was given, and is shown as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from config.lib.errors import InvalidInput

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "form": ("url",),
    "message": ("message", "wamid"),
    "file_row": ("file", "row"),
    "operator": ("operator",),
    "call": ("called_at",),
    "document": ("document",),
}
# Ours alone: what was said under an address the person left, repeated under one they kept.
CARRIED: Final = "address_change"
# Of these kinds one of the fields is enough.
_ANY: Final = frozenset({"message"})

LABELS: Final[Mapping[str, str]] = {
    "form": "A form the person sent",
    "message": "A message of the person",
    "file_row": "A row of a file",
    "operator": "An operator was told",
    "call": "A telephone call",
    "document": "A signed document",
    CARRIED: "Taken along to a new address",
    "meta": "Meta told us",
}


class BadEvidence(InvalidInput):
    """The evidence does not say what its kind needs."""

    code = "invalid_proof"


def check(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return evidence as it is kept. Raises `BadEvidence`."""
    kind = given.get("kind")
    if kind is None:
        return dict(given)
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadEvidence(f"A kind of proof is one of: {', '.join(KINDS)}.", attr="proof.kind")
    wanted = KINDS[kind]
    missing = [name for name in wanted if not _says(given.get(name))]
    if missing and not (kind in _ANY and len(missing) < len(wanted)):
        raise BadEvidence(
            f"A proof of the kind {kind} names {' or '.join(wanted)}."
            if kind in _ANY
            else f"A proof of the kind {kind} names {' and '.join(wanted)}.",
            attr=f"proof.{missing[0]}",
        )
    return dict(given)


def label(evidence: Mapping[str, Any]) -> str:
    """Return what kind of evidence it is, for people."""
    if "meta_code" in evidence:
        return LABELS["meta"]
    if "message" in evidence or "wamid" in evidence:
        return LABELS["message"]
    kind = str(evidence.get("kind") or "")
    return LABELS.get(kind, "Evidence as given" if evidence else "No evidence")


def _says(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return value is not None and str(value).strip() not in {"", "[]", "{}"}
