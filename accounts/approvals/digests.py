"""What exactly is agreed to: a hash of named parts, and which of them changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import orjson

from accounts.models import Approval


class Digest(str):
    """A hash of everything an approval is given for; `parts` has one for each part by name."""

    parts: dict[str, str]


def digest_of(parts: Mapping[str, object]) -> Digest:
    """Return the canonical hash of named parts; name them as a sentence would: "the sender"."""
    hashes = {name: _hash(value) for name, value in parts.items()}
    found = Digest(_hash(hashes))
    found.parts = hashes
    return found


def parts_of(digest: str) -> dict[str, str]:
    """Return the hash of each part; none of a digest that was read from a row."""
    found: dict[str, str] = getattr(digest, "parts", {})
    return found


def changed_parts(approval: Approval, parts: Mapping[str, object]) -> list[str]:
    """Name those of these parts that are not what was asked about."""
    return [name for name, value in parts.items() if approval.parts.get(name) != _hash(value)]


def changed(approval: Approval, digest: str) -> list[str]:
    """Name the parts that are not what was approved."""
    now = parts_of(digest)
    names = dict.fromkeys([*approval.parts, *now])
    return [name for name in names if approval.parts.get(name) != now.get(name)]


def changed_sentence(approval: Approval, digest: str) -> str:
    """Say which part changed since it was asked for or approved; empty if none did."""
    if approval.digest == digest:
        return ""
    return sentence(approval, changed(approval, digest) or ["what was approved"])


def sentence(approval: Approval, names: Sequence[str]) -> str:
    """Say that these parts changed, and since when."""
    verb = "were" if len(names) > 1 or names[0].endswith("s") else "was"
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    since = f"{approval.decider} approved it" if approval.decider else "it was asked for"
    return f"{listed[:1].upper()}{listed[1:]} {verb} changed after {since}."


def _hash(value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)
    return hashlib.sha256(text).hexdigest()
