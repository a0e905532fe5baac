"""What a launch would do, for everyone in the audience; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from messaging.campaigns import estimate, run, verdicts
from messaging.campaigns.models import Campaign
from messaging.campaigns.run import Actor, Plan
from messaging.campaigns.verdicts import Judge, Row, Verdict
from messaging.contacts.models import Contact
from templates_mgmt import catalog, components
from templates_mgmt.components import Preview

SAMPLES: Final = 3
SKIPPED: Final = 100


@dataclass(frozen=True, slots=True)
class Skipped:
    """Somebody who would get no message."""

    to: str
    code: str
    detail: str = ""
    contact_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The message as one real person would see it."""

    contact_id: UUID
    name: str
    to: str
    preview: Preview


@dataclass(frozen=True, slots=True)
class DryRun:
    """The counts of a launch, before it. `estimated_cost` is not known yet."""

    total: int
    accepted: int
    skipped: Mapping[str, int]
    estimated_duration_s: int
    samples: tuple[Sample, ...]
    skipped_sample: tuple[Skipped, ...]
    estimated_cost: None = None


def of_plan(plan: Plan, *, by: Actor, now: datetime) -> DryRun:
    """Return what a campaign made of this plan would do. Raises as `run.create`."""
    with transaction.atomic():
        found = of(run.create(plan, by=by, now=now), now=now)
        transaction.set_rollback(True)
    return found


def of(campaign: Campaign, *, now: datetime) -> DryRun:
    """Return what launching this campaign now would do, in bounded memory.

    Raises `AudienceInvalid` or `VariablesInvalid`.
    """
    judge = verdicts.judge(campaign, now=now)
    refusal = catalog.find_refusal(campaign.template)
    codes: Counter[str] = Counter(campaign.skipped)
    skipped = [Skipped(one["to"], one["code"]) for one in campaign.refused[:SKIPPED]]
    shown: list[Row] = []
    accepted = 0
    for page in judge.everyone():
        for row in page:
            verdict = judge.verdict(row)
            code = refusal.code if refusal else verdict.code
            if code:
                codes[code] += 1
                if len(skipped) < SKIPPED:
                    skipped.append(_skipped(verdict, code))
            else:
                accepted += 1
            if not verdict.code and len(shown) < SAMPLES:
                shown.append(row)
    return DryRun(
        total=accepted + codes.total(),
        accepted=accepted,
        skipped=dict(codes),
        estimated_duration_s=estimate.duration_seconds(campaign.sender, accepted),
        samples=_samples(judge, shown),
        skipped_sample=tuple(skipped),
    )


def _skipped(verdict: Verdict, code: str) -> Skipped:
    detail = verdict.detail if verdict.code == code else ""
    return Skipped(verdict.address, code, detail, verdict.contact_id)


def _samples(judge: Judge, rows: list[Row]) -> tuple[Sample, ...]:
    names = dict(Contact.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", "name"))
    definition = judge.writer.ready.definition
    return tuple(
        Sample(
            contact_id=row[0],
            name=names.get(row[0], ""),
            to=row[1] or row[2],
            preview=components.render(definition, judge.values(row)),
        )
        for row in rows
    )
