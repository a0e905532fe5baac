"""A campaign in the making: kept in the session until it can be written as a draft."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from config.lib.admin import asking
from messaging.admin import pages
from messaging.campaigns import run
from messaging.campaigns.models import Campaign
from messaging.campaigns.run import Actor, Plan
from messaging.senders.models import Sender
from templates_mgmt.models import Template

NEW: Final = "new"
SEND: Final = "messages.bulk_send"
STEPS: Final = (
    ("message", "Message"),
    ("audience", "Audience"),
    ("variables", "Variables"),
    ("check", "Dry run"),
    ("launch", "Launch"),
)
_SESSION: Final = "campaign_plans"
_ACCEPTED: Final = "campaign_accepted"
_KEPT: Final = 5


@dataclass
class Draft:
    """What is known so far. `key` is "new" or the id of a campaign that is changed."""

    key: str
    name: str = ""
    sender: str = ""
    template: str = ""
    audience: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)

    def find_sender(self) -> Sender | None:
        """Return the number chosen."""
        return Sender.objects.filter(pk=self.sender).first() if self.sender else None

    def find_template(self) -> Template | None:
        """Return the template chosen."""
        return Template.objects.filter(pk=self.template).first() if self.template else None

    def is_ready_for(self, step: str) -> bool:
        """Tell whether what the step builds on is there."""
        if step == "message":
            return True
        has_message = bool(self.find_sender() and self.find_template())
        return has_message if step == "audience" else has_message and bool(self.audience)


def open_(request: HttpRequest, key: str) -> Draft:
    """Return the draft of this key: from the session, else from the campaign itself."""
    kept: dict[str, Any] = request.session.get(_SESSION, {}).get(_slot(request, key))
    if kept:
        return Draft(key, **kept)
    if key == NEW:
        return Draft(NEW)
    campaign = _campaign(key)
    return Draft(
        key=key,
        name=campaign.name,
        sender=str(campaign.sender_id),
        template=str(campaign.template_id),
        audience=dict(campaign.audience),
        variables=dict(campaign.variables),
    )


def keep(request: HttpRequest, draft: Draft) -> None:
    """Remember the draft in the session; the oldest of several is forgotten."""
    held: dict[str, Any] = dict(request.session.get(_SESSION, {}))
    slot = _slot(request, draft.key)
    held.pop(slot, None)
    held[slot] = {
        "name": draft.name,
        "sender": draft.sender,
        "template": draft.template,
        "audience": draft.audience,
        "variables": draft.variables,
    }
    request.session[_SESSION] = dict(list(held.items())[-_KEPT:])


def forget(request: HttpRequest, key: str) -> None:
    """Drop what the session holds of this draft."""
    held = dict(request.session.get(_SESSION, {}))
    held.pop(_slot(request, key), None)
    request.session[_SESSION] = held


def write(request: HttpRequest, draft: Draft, *, now: datetime) -> Campaign:
    """Write the draft as a campaign, or bring the campaign up to date.

    Raises what `campaigns.run` raises.
    """
    sender, template = draft.find_sender(), draft.find_template()
    assert sender is not None  # noqa: S101  # asked by is_ready_for
    assert template is not None  # noqa: S101  # same
    by = Actor.of(pages.caller(request))
    asking.require(request, SEND, sender)
    held = _campaign(draft.key) if draft.key != NEW else None
    if held is not None:
        asking.require(request, SEND, held)
    plan = Plan(
        name=draft.name,
        sender=sender,
        template=template,
        audience=draft.audience,
        variables=draft.variables,
        not_after=held.not_after if held else None,
    )
    campaign = run.update(held, plan, by=by, now=now) if held else run.create(plan, by=by, now=now)
    forget(request, draft.key)
    note_accepted(request, campaign, None)
    return campaign


def note_accepted(request: HttpRequest, campaign: Campaign, people: int | None) -> None:
    """Remember how many people the dry run would write to; None forgets it."""
    held: dict[str, int] = dict(request.session.get(_ACCEPTED, {}))
    held.pop(str(campaign.pk), None)
    if people is not None:
        held[str(campaign.pk)] = people
    request.session[_ACCEPTED] = dict(list(held.items())[-_KEPT:])


def accepted(request: HttpRequest, campaign: Campaign) -> int | None:
    """Return how many people the last dry run would have written to, if one was made."""
    found: int | None = request.session.get(_ACCEPTED, {}).get(str(campaign.pk))
    return found


def _campaign(key: str) -> Campaign:
    rows = Campaign.objects.select_related("sender__account", "template")
    found: Campaign = pages.find(rows, UUID(key) if _is_id(key) else None)
    return found


def _is_id(key: str) -> bool:
    try:
        UUID(key)
    except ValueError:
        return False
    return True


def _slot(request: HttpRequest, key: str) -> str:
    """Keep drafts of different businesses apart."""
    return f"{pages.business_of(request).pk}:{key}"
