"""What Meta says about one of our numbers: quality, throughput, name, security."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from messaging.senders import events
from messaging.senders.models import Sender, SenderEvent

Kind = SenderEvent.Kind

# Meta's words for a number whose quality fell or rose; the colour itself comes with the pull.
_FLAGS: Final = {"FLAGGED": "FLAGGED", "UNFLAGGED": "CONNECTED"}
_THROUGHPUT: Final = {
    "THROUGHPUT_UPGRADE": Sender.Throughput.HIGH,
    "THROUGHPUT_DOWNGRADE": Sender.Throughput.STANDARD,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a number, in Meta's words.

    `kind`: quality, throughput, name, username, security. `digest` names the fact.
    """

    kind: str
    event: str
    name: str = ""
    reason: str = ""
    messaging_limit: str = ""
    digest: str = ""


def fields_of(change: Change) -> dict[str, str]:
    """Return the columns of the sender a change sets; empty for mere news."""
    if change.event in _FLAGS:
        return {"meta_status": _FLAGS[change.event]}
    if change.event in _THROUGHPUT:
        return {"throughput": _THROUGHPUT[change.event]}
    if change.kind == "name" and change.event == "APPROVED" and change.name:
        return {"verified_name": change.name[:120]}
    return {}


def apply(sender: Sender, change: Change) -> None:
    """Write what changed to the sender."""
    fields = fields_of(change)
    if fields:
        Sender.across_businesses.filter(pk=sender.pk).update(**fields)


def record(sender: Sender, change: Change, *, at: datetime) -> None:
    """Show the change to operators, once however often Meta repeats it."""
    kind = Kind.QUALITY if change.kind in {"quality", "throughput"} else Kind.STATUS
    events.record(sender, kind, _sentence(change), at=at, digest=change.digest)


def _sentence(change: Change) -> str:
    words = [change.kind.capitalize(), change.event.replace("_", " ").lower()]
    if change.name:
        words.append(f"({change.name})")
    if change.messaging_limit:
        words.append(f"limit {change.messaging_limit}")
    if change.reason:
        words.append(change.reason)
    return " ".join(words)
