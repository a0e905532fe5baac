"""What a second person agrees to: exactly this message, to exactly these people.

An approval is bound to the template as it stands, the sender, the schedule, the variables and,
page by page, everybody in the audience with their address and values. The launch compares all of
it under the campaign's lock; the job that queues the messages compares each page again, with the
very rows it writes messages from, so that what changes after the launch is not sent either.

Consent is no part of it: a stop takes its person out of an approved campaign, as it must.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from accounts import approvals, security
from accounts.access import Access
from accounts.approvals import Asks
from accounts.models import Approval
from accounts.models_security import ApprovalKind
from config.lib import moments
from config.lib.errors import InvalidInput
from messaging.campaigns import verdicts, words
from messaging.campaigns.errors import Invalid
from messaging.campaigns.models import Campaign
from messaging.campaigns.verdicts import Row
from templates_mgmt.models import Template

SUBJECT: Final = "campaign"
_START: Final = "the time it starts"
CHANGED: Final = "The approval no longer fits: a recipient or a value was changed after the launch."
OTHER_MESSAGE: Final = "The approval no longer fits: the template was changed after the launch."


class TooFarAhead(InvalidInput):
    """The approval would have ended by the time the campaign starts."""

    code = "approval_ends_before"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Everybody who is still to get a message: how many, and a hash of each page.

    `pages` are keyed by the person before them, as the campaign's cursor will be.
    """

    people: int
    who: str
    values: str
    pages: dict[str, str]


def require(
    campaign: Campaign, *, starts: datetime | None, by: Access | None, now: datetime
) -> None:
    """Use up the approval of the campaign as it stands, if it needs one.

    Under the lock of its row. `campaign.approved` is set, to be saved by the caller: what the
    pages must be like, None where anything goes. Raises `ApprovalRequired` or `ApprovalVoid`.
    """
    campaign.approved = None
    if not _is_needed(campaign):
        return
    found = read(campaign)
    approvals.require(**_facts(campaign, found, starts=starts), by=by, now=now)
    campaign.approved = {"message": _message_hash(campaign.template), "pages": found.pages}


def require_planned(
    campaign: Campaign, *, starts: datetime, by: Access | None, now: datetime
) -> None:
    """Let a campaign be planned only with an approval that will still stand when it starts."""
    if not _is_needed(campaign):
        return
    if starts > now + approvals.LIFETIME:
        raise _too_far()
    facts = _facts(campaign, read(campaign), starts=starts)
    standing = approvals.require_standing(**facts, by=by, now=now)
    if standing is not None and standing.expires_at <= starts:
        raise _too_far()


def require_rest(campaign: Campaign, *, by: Access | None, now: datetime) -> None:
    """Let an approved campaign go on if who is left is as approved; else ask for the rest."""
    if campaign.approved is None or campaign.fanned_out_at is not None:
        return
    found = read(campaign)
    held = campaign.approved
    is_same = held["message"] == _message_hash(campaign.template)
    if is_same and all(held["pages"].get(key) == page for key, page in found.pages.items()):
        return
    approvals.require(**_facts(campaign, found, starts=None), by=by, now=now)
    campaign.approved = {"message": _message_hash(campaign.template), "pages": found.pages}


def find_objection(campaign: Campaign, rows: Sequence[Row]) -> str:
    """Return why this page of an approved campaign must not go out; empty when it may."""
    held = campaign.approved
    if held is None:
        return ""
    if held["message"] != _message_hash(campaign.template):
        return OTHER_MESSAGE
    return "" if held["pages"].get(_key(campaign.cursor)) == _page_hash(rows) else CHANGED


def recheck(campaign: Campaign, *, by: Access | None, now: datetime) -> Approval | None:
    """End what was asked or approved for a campaign that is no longer like it; return that."""
    if find_live(campaign) is None:
        return None
    return approvals.void_changed(
        kind=ApprovalKind.CAMPAIGN,
        subject_type=SUBJECT,
        subject_id=str(campaign.pk),
        parts=_lasting(campaign),
        by=by,
        now=now,
    )


def now_of(subject_id: str) -> Mapping[str, object] | None:
    """Return what a campaign is like now, for whoever is about to approve it; None: it is gone."""
    try:
        campaign = Campaign.objects.select_related("sender", "template").get(pk=subject_id)
        return _lasting(campaign)
    except (Campaign.DoesNotExist, Invalid):
        return None


def find_changes(campaign: Campaign, live: Approval) -> list[str]:
    """Name the parts that changed since this was asked for or approved."""
    try:
        return approvals.changed_parts(live, _lasting(campaign))
    except Invalid:
        return ["the audience"]


def find_live(campaign: Campaign) -> Approval | None:
    """Return what waits for a second person, or was approved, for this campaign."""
    return approvals.find_live(
        kind=ApprovalKind.CAMPAIGN, subject_type=SUBJECT, subject_id=str(campaign.pk)
    )


def find_latest(campaign: Campaign) -> Approval | None:
    """Return the newest request about this campaign, whatever became of it."""
    return approvals.find_latest(
        kind=ApprovalKind.CAMPAIGN, subject_type=SUBJECT, subject_id=str(campaign.pk)
    )


def read(campaign: Campaign) -> Fingerprint:
    """Read everybody who is still to get a message, a page at a time."""
    judge = verdicts.readers(campaign)
    who, values = hashlib.sha256(), hashlib.sha256()
    pages: dict[str, str] = {}
    people, after = 0, campaign.cursor
    while True:
        rows = judge.people(after=after)
        pages[_key(after)] = _page_hash(rows)
        who.update(_bytes([row[:3] for row in rows]))
        values.update(_bytes([(row[0], *row[4:]) for row in rows]))
        people += len(rows)
        if len(rows) < verdicts.PAGE:
            return Fingerprint(people, who.hexdigest(), values.hexdigest(), pages)
        after = rows[-1][0]


def _is_needed(campaign: Campaign) -> bool:
    return security.needs_second_person(people=campaign.total)


def _facts(campaign: Campaign, found: Fingerprint, *, starts: datetime | None) -> dict[str, Any]:
    return {
        "kind": ApprovalKind.CAMPAIGN,
        "subject_type": SUBJECT,
        "subject_id": str(campaign.pk),
        "digest": approvals.digest_of(_parts(campaign, found, starts)),
        "asks": _asks(campaign, found, starts),
    }


def _lasting(campaign: Campaign) -> dict[str, object]:
    """Return all parts that are there before somebody says when it starts."""
    return {
        name: part
        for name, part in _parts(campaign, read(campaign), None).items()
        if name != _START
    }


def _parts(campaign: Campaign, found: Fingerprint, starts: datetime | None) -> dict[str, object]:
    return {
        "the template": _message(campaign.template),
        "the sender": [campaign.sender_id, campaign.sender.phone_number_id],
        _START: _instant(starts),
        "the last time to send": _instant(campaign.not_after),
        "the variables": campaign.variables,
        "the recipients": found.who,
        "the recipients' values": found.values,
    }


def _asks(campaign: Campaign, found: Fingerprint, starts: datetime | None) -> Asks:
    cost = security.cost_of(found.people)
    lines = [
        ("Message", str(campaign.template)),
        ("Text", words.text_of(campaign.template)),
        ("From", str(campaign.sender)),
        ("People", f"{found.people:,}".replace(",", "\u202f")),
        ("Audience", "; ".join(words.audience(campaign.audience, is_kept=True))),
        *words.variables(campaign.variables),
        ("Starts", moments.text(starts) if starts else "when it is launched"),
    ]
    if campaign.not_after:
        lines.append(("Not after", moments.text(campaign.not_after)))
    if cost is not None:
        lines.append(("Costs at most", f"{cost:.2f}"))
    return Asks(f"Send “{campaign.name}”", tuple(lines))


def _too_far() -> TooFarAhead:
    return TooFarAhead(
        f"An approval stands for {approvals.LIFETIME.days} days: plan the campaign nearer to its "
        "time, or have it approved again.",
        attr="scheduled_at",
    )


def _message(template: Template) -> list[object]:
    return [
        template.pk,
        template.name,
        template.language,
        template.category,
        template.parameter_format,
        template.components,
    ]


def _message_hash(template: Template) -> str:
    return hashlib.sha256(_bytes(_message(template))).hexdigest()


def _page_hash(rows: Sequence[Row]) -> str:
    """Hash who is on a page and what they would read: all of a row but what consent says."""
    return hashlib.sha256(_bytes([(*row[:3], *row[4:]) for row in rows])).hexdigest()


def _bytes(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _key(after: UUID | None) -> str:
    return after.hex if after else ""


def _instant(at: datetime | None) -> str:
    return at.isoformat() if at else ""
