"""The states of a campaign, each step under the lock of its row.

A step that finds itself done already changes nothing, except a launch: that is refused the second
time. The rows already queued follow by job (`holds`); the gate looks at the campaign's state for
every message, so a pause or a cancellation works from its commit on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from accounts import approvals, tenancy
from accounts.access import Access
from accounts.approvals import NeedsApproval
from accounts.models import Business, User
from compliance import audit
from config.lib import moments
from config.lib.errors import Conflict, InvalidInput, NotFound
from messaging import jobs
from messaging.campaigns import approval, audience, recipients, variables
from messaging.campaigns.errors import (
    AlreadyLaunched,
    AlreadyOver,
    NobodyThere,
    WrongState,
)
from messaging.campaigns.models import Campaign
from messaging.campaigns.recipients import Recipient
from messaging.senders.models import Sender
from templates_mgmt import catalog
from templates_mgmt.models import Template

Status = Campaign.Status
UNLAUNCHED: Final = frozenset({Status.DRAFT, Status.SCHEDULED})
UNDER_WAY: Final = frozenset({Status.LAUNCHING, Status.RUNNING})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign is to be. `recipients` are people named one by one, else `audience`."""

    name: str
    sender: Sender
    template: Template
    audience: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    recipients: Sequence[Recipient] | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step: a user, or something with a name. `access` is theirs in a request."""

    user: User | None = None
    name: str = ""
    access: Access | None = None

    @classmethod
    def of(cls, access: Access) -> Actor:
        """Return the caller of a request as an actor."""
        return cls(access.user, access.actor_name, access)


def access_of(by: Actor) -> Access | None:
    """Return who a second person is asked on behalf of; None for the system."""
    if by.access is None and by.user is not None:
        return Access(by.user, None, None, frozenset())
    return by.access


SYSTEM: Final = Actor(name="system")


def is_unlaunched(campaign: Campaign) -> bool:
    """Tell whether it can still be changed: a draft, scheduled, or paused before it started."""
    is_held = campaign.status == Status.PAUSED and campaign.launched_at is None
    return campaign.status in UNLAUNCHED or is_held


def get(id_: object) -> Campaign:
    """Return a campaign of the business in scope; raise NotFound."""
    found: Campaign | None = (
        Campaign.objects.select_related("sender", "template").filter(pk=id_).first()
    )
    if found is None:
        raise NotFound("No such campaign.")
    return found


@transaction.atomic
def create(plan: Plan, *, by: Actor, now: datetime) -> Campaign:
    """Write a draft. Raises `AudienceInvalid`, `VariablesInvalid` or `InvalidInput`."""
    campaign = Campaign(business_id=tenancy.current_id(), created_by=by.user, created_at=now)
    _require_to_come(plan.not_after, now=now)
    _fill(campaign, plan)
    campaign.save(force_insert=True)
    if plan.recipients is not None:
        region = Business.objects.values_list("region", flat=True).get(pk=campaign.business_id)
        recipients.store(campaign, plan.recipients, region=region or None, now=now)
        campaign.save(update_fields=["total", "skipped", "refused"])
    _note("created", campaign, by)
    return campaign


@transaction.atomic
def update(campaign: Campaign, plan: Plan, *, by: Actor, now: datetime) -> Campaign:
    """Change a campaign that was not launched; people named one by one stay.

    An approval of it as it was ends. Raises as `create`, and `AlreadyLaunched`.
    """
    held = _locked(campaign)
    _require_unlaunched(held)
    is_given = audience.RECIPIENTS in held.audience
    if plan.recipients is not None or is_given != (audience.RECIPIENTS in plan.audience):
        raise InvalidInput("The people of this campaign cannot be exchanged.", attr="recipients")
    if plan.not_after != held.not_after:
        _require_to_come(plan.not_after, now=now)
    _fill(held, plan)
    held.save()
    _note("changed", held, by)
    approval.recheck(held, by=access_of(by), now=now)
    return held


@approvals.asking
def schedule(campaign: Campaign, *, at: datetime, by: Actor, now: datetime) -> Campaign:
    """Let a campaign start by itself. Raises `AlreadyLaunched`, or `InvalidInput` for the past.

    Raises `ApprovalRequired` or `ApprovalVoid` where a second person has to agree first.
    """
    held = _locked(campaign)
    _require_unlaunched(held)
    if at <= now:
        raise InvalidInput("The time has passed already.", attr="scheduled_at")
    moments.require_reachable(at, now=now, attr="scheduled_at")
    if held.not_after and held.not_after <= at:
        raise InvalidInput("It would start after its last time to send.", attr="not_after")
    _require_ready(held)
    held.total = count_people(held, born_by=now)
    approval.require_planned(held, starts=at, by=access_of(by), now=now)
    held.status, held.scheduled_at, held.pause_reason = Status.SCHEDULED, at, ""
    held.save(update_fields=["status", "scheduled_at", "pause_reason"])
    _note("scheduled", held, by, at=at.isoformat())
    return held


@approvals.asking
def launch(campaign: Campaign, *, by: Actor, now: datetime) -> Campaign:
    """Start a campaign, once: the second of two launches raises `AlreadyLaunched`.

    Raises `NobodyThere`, the refusals of a template that may not be sent, and `ApprovalRequired`
    or `ApprovalVoid` where a second person has to agree first.
    """
    held = _locked(campaign)
    _require_unlaunched(held)
    _require_to_come(held.not_after, now=now)
    _start(held, starts=None, by=access_of(by), now=now)
    _note("launched", held, by, people=held.total)
    return held


@transaction.atomic
def pause(campaign: Campaign, *, reason: str, by: Actor, now: datetime) -> Campaign:
    """Stop a campaign: from the commit on no message of it is let through."""
    held = _locked(campaign)
    if held.status == Status.PAUSED:
        return held
    if held.status in Campaign.FINAL:
        raise AlreadyOver(f"The campaign is {held.get_status_display().lower()}.")
    if held.status == Status.DRAFT:
        raise WrongState("A draft has nothing to pause.")
    _stop(held, reason=reason, by=by, now=now)
    return held


@approvals.asking
def resume(campaign: Campaign, *, by: Actor, now: datetime) -> Campaign:
    """Let a paused campaign go on where it stopped; one that never started starts now.

    Raises the refusals of a template that may not be sent.
    """
    held = _locked(campaign)
    if held.status in UNDER_WAY:
        return held
    if held.status in Campaign.FINAL:
        raise AlreadyOver(f"The campaign is {held.get_status_display().lower()}.")
    if held.status != Status.PAUSED:
        raise WrongState("The campaign is not paused.")
    if held.launched_at is None:
        _start(held, starts=None, by=access_of(by), now=now)
    else:
        catalog.require_sendable(held.template)
        approval.require_rest(held, by=access_of(by), now=now)
        held.status = Status.RUNNING if held.fanned_out_at else Status.LAUNCHING
        held.pause_reason = ""
        held.pulse = {}
        held.save(update_fields=["status", "pause_reason", "pulse", "approved"])
        _follow(held)
    _note("resumed", held, by)
    return held


@transaction.atomic
def cancel(campaign: Campaign, *, by: Actor, now: datetime) -> Campaign:
    """End a campaign: what is queued is cancelled, what left stays. Raises `AlreadyOver`."""
    held = _locked(campaign)
    if held.status == Status.CANCELLED:
        return held
    if held.status in Campaign.FINAL:
        raise AlreadyOver(f"The campaign is {held.get_status_display().lower()}.")
    held.status, held.finished_at = Status.CANCELLED, now
    held.save(update_fields=["status", "finished_at"])
    _follow(held)
    _note("cancelled", held, by)
    return held


def pause_template(template_id: UUID, *, reason: str, now: datetime) -> int:
    """Pause what sends a template that Meta stopped; return how many campaigns."""
    rows = Campaign.objects.filter(template_id=template_id, status__in=UNDER_WAY).order_by("pk")
    for campaign in rows:
        _pause_quietly(campaign, reason=reason, now=now)
    return len(rows)


@tenancy.across(tenancy.Door.COMMAND)
def pause_everything(*, reason: str, now: datetime) -> int:
    """Pause every campaign of every business that runs or would start: after a restore."""
    alive = Campaign.across_businesses.filter(status__in=[Status.SCHEDULED, *UNDER_WAY])
    rows = list(alive.order_by("pk"))
    for campaign in rows:
        with tenancy.scope(campaign.business_id):
            _pause_quietly(campaign, reason=reason, now=now)
    return len(rows)


def start_or_pause(campaign: Campaign, *, latest: datetime, now: datetime) -> bool:
    """Start a campaign whose time has come, unless it is too late or refused: then pause it.

    Says whether it started. Under the caller's lock of the row.
    """
    if campaign.scheduled_at and campaign.scheduled_at < latest:
        _stop(
            campaign,
            reason="Found long after its time: look at it, then launch or cancel it.",
            by=SYSTEM,
            now=now,
        )
        return False
    try:
        with transaction.atomic():
            _start(campaign, starts=campaign.scheduled_at, by=None, now=now)
    except (Conflict, InvalidInput) as error:
        campaign.refresh_from_db()
        if isinstance(error, NeedsApproval):
            error.ask()
        _stop(campaign, reason=f"Could not start: {error.detail}", by=SYSTEM, now=now)
        return False
    _note("launched", campaign, SYSTEM, people=campaign.total)
    return True


def stop_by_system(campaign: Campaign, *, reason: str, now: datetime) -> None:
    """Pause a campaign whose row the caller has locked."""
    _stop(campaign, reason=reason, by=SYSTEM, now=now)


def _pause_quietly(campaign: Campaign, *, reason: str, now: datetime) -> None:
    try:
        pause(campaign, reason=reason, by=SYSTEM, now=now)
    except WrongState:
        return  # it ended meanwhile


def _fill(campaign: Campaign, plan: Plan) -> None:
    """Take the plan over, checked."""
    if not plan.name.strip() or len(plan.name) > 120:
        raise InvalidInput("A campaign's name has 1 to 120 characters.", attr="name")
    if plan.sender.account_id != plan.template.account_id:
        raise InvalidInput(
            "The sender and the template belong to different WhatsApp accounts.", attr="sender"
        )
    is_given = plan.recipients is not None or audience.RECIPIENTS in plan.audience
    if plan.recipients is not None and not 0 < len(plan.recipients) <= recipients.MOST:
        raise InvalidInput(f"Give 1 to {recipients.MOST} recipients.", attr="recipients")
    spec = {audience.RECIPIENTS: True} if is_given else dict(plan.audience)
    audience.check(spec)
    variables.prepare(plan.template, plan.variables, may_lack=is_given)
    campaign.name, campaign.sender, campaign.template = plan.name, plan.sender, plan.template
    campaign.audience, campaign.variables = spec, dict(plan.variables)
    campaign.not_after = plan.not_after


def _require_to_come(not_after: datetime | None, *, now: datetime) -> None:
    """Refuse a last time to send by which nobody could be reached."""
    if not_after is not None and not_after <= now:
        raise InvalidInput("The last time to send has passed already.", attr="not_after")
    moments.require_reachable(not_after, now=now, attr="not_after")


def _locked(campaign: Campaign) -> Campaign:
    """Return the row as it is, locked; rows that refer to it may be written meanwhile."""
    rows: Any = Campaign.objects.select_for_update(no_key=True, of=("self",))
    found: Campaign | None = (
        rows.select_related("sender", "template").filter(pk=campaign.pk).first()
    )
    if found is None:
        raise NotFound("No such campaign.")
    return found


def _require_unlaunched(campaign: Campaign) -> None:
    if campaign.status in Campaign.FINAL:
        raise AlreadyOver(f"The campaign is {campaign.get_status_display().lower()}.")
    if not is_unlaunched(campaign):
        raise AlreadyLaunched("The campaign was launched already.")


def _require_ready(campaign: Campaign) -> None:
    """Look at everything again: a list may be gone, the template changed."""
    catalog.require_sendable(campaign.template)
    audience.check(campaign.audience)
    is_given = audience.RECIPIENTS in campaign.audience
    variables.prepare(campaign.template, campaign.variables, may_lack=is_given)


def count_people(campaign: Campaign, *, born_by: datetime | None = None) -> int:
    """Return how many people an unlaunched campaign goes to. Raises `AudienceInvalid`."""
    if audience.RECIPIENTS in campaign.audience:
        return campaign.total
    return audience.resolve(campaign.audience, born_by=born_by).count()


def _start(
    campaign: Campaign, *, starts: datetime | None, by: Access | None, now: datetime
) -> None:
    """Launch a campaign whose row is locked; `starts` is the time it was planned for."""
    _require_ready(campaign)
    campaign.total = count_people(campaign, born_by=now)
    if not campaign.total:
        raise NobodyThere("There is nobody in this audience.")
    campaign.status, campaign.launched_at = Status.LAUNCHING, now
    approval.require(campaign, starts=starts, by=by, now=now)
    campaign.pause_reason = ""
    campaign.save(update_fields=["status", "launched_at", "total", "pause_reason", "approved"])
    _follow(campaign)


def _stop(campaign: Campaign, *, reason: str, by: Actor, now: datetime) -> None:
    campaign.status, campaign.paused_at = Status.PAUSED, now
    campaign.pause_reason = reason[:200]
    campaign.save(update_fields=["status", "paused_at", "pause_reason"])
    _follow(campaign)
    _note("paused", campaign, by, reason=campaign.pause_reason)


def _follow(campaign: Campaign) -> None:
    """Have a worker bring the campaign's rows in line with its state, once committed."""
    jobs.FAN_OUT.enqueue(business_id=str(campaign.business_id), campaign_id=str(campaign.pk))


def _note(action: str, campaign: Campaign, by: Actor, **details: Any) -> None:
    audit.record(
        action=f"campaign.{action}",
        resource="campaign",
        resource_id=str(campaign.pk),
        details=details,
        actor=by.user,
        actor_name=by.name,
    )
