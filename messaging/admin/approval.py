"""What the page of a campaign says about the second person it may need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import reverse

from accounts import approvals, security
from accounts.access import Access
from accounts.models import Approval
from config.lib import moments
from messaging.campaigns import approval, run
from messaging.campaigns.errors import Invalid
from messaging.campaigns.models import Campaign

# Comparing more people than this with what was approved is left to the launch.
COMPARED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A sentence, how it is coloured, and where to read more."""

    tone: str
    title: str
    text: str
    url: str = ""


def show(campaign: Campaign, *, reader: Access, now: datetime) -> Shown | None:
    """Return what to say; None where no second person was or will be asked."""
    found = approval.find_latest(campaign)
    is_unlaunched = run.is_unlaunched(campaign)
    if found is None:
        is_needed = is_unlaunched and security.needs_second_person(people=_people(campaign))
        return _NEEDED if is_needed else None
    state = approvals.state_of(found, now)
    url = _url_of(found, reader)
    if state in Approval.LIVE:
        return _live(campaign, found, state, url, reader=reader, now=now)
    return _ended(found, state, url) if is_unlaunched or state == Approval.Status.USED else None


def _url_of(found: Approval, reader: Access) -> str:
    """Return the page of the request; empty for who neither asked nor may decide."""
    if not approvals.list_visible(reader).filter(pk=found.pk).exists():
        return ""
    return reverse("admin:accounts_approval_change", args=[found.pk])


_NEEDED: Final = Shown(
    "warn",
    "Needs approval.",
    "A second person has to agree before it starts: they are asked when you launch it.",
)


def _live(
    campaign: Campaign, found: Approval, state: str, url: str, *, reader: Access, now: datetime
) -> Shown:
    until = moments.text(found.expires_at)
    changed = _changed(campaign, found)
    if changed:
        text = f"Since then {_listed(changed)} changed. Launching it asks again."
        was = "was approved" if state == Approval.Status.APPROVED else "was asked about"
        return Shown("bad", f"No longer what {was}.", text, url)
    if state == Approval.Status.APPROVED:
        text = f"It can be launched, as it is, until {until}."
        return Shown("good", f"Approved by {found.decider}.", text, url)
    if approvals.may_decide(found, reader, now):
        return Shown("warn", "Waits for you.", f"{found.requester} asks you to approve it.", url)
    text = f"{found.requester} asked. Somebody else who may send campaigns decides, until {until}."
    return Shown("warn", "Waits for approval.", text, url)


def _ended(found: Approval, state: str, url: str) -> Shown:
    words: dict[str, tuple[str, str, str]] = {
        Approval.Status.USED: ("good", f"Approved by {found.decider}.", ""),
        Approval.Status.REJECTED: ("bad", f"Rejected by {found.decider}.", found.reason),
        Approval.Status.VOID: ("bad", "The approval is void.", found.reason),
        Approval.Status.EXPIRED: ("warn", "The approval has expired.", "Launching it asks again."),
        Approval.Status.WITHDRAWN: ("warn", "Taken back.", "Launching it asks again."),
    }
    return Shown(*words[state], url)


def _changed(campaign: Campaign, found: Approval) -> list[str]:
    if not run.is_unlaunched(campaign) or _people(campaign) > COMPARED:
        return []
    return approval.find_changes(campaign, found)


def _listed(names: list[Any]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _people(campaign: Campaign) -> int:
    try:
        return run.count_people(campaign)
    except Invalid:
        return 0
