"""The background work of compliance: one thin function a job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from accounts import tenancy
from compliance import jobs
from compliance.audit import checking, doors, sealing
from compliance.privacy import requests, retention, upkeep
from config.lib import locks
from config.lib.tasks import Counts, task

_SLICE: Final = timedelta(seconds=120)
_RETENTION_SLICE: Final = timedelta(minutes=90)


@task(jobs.PERFORM, time_limit_seconds=3600)
def perform(*, business_id: str, request_id: str, **_: Any) -> Counts:
    """Go on with a privacy request; ask for another turn when work is left."""
    # The lock of a killed worker ends before the request is due again.
    with locks.single_flight(f"privacy.perform.{request_id}", ttl_seconds=240) as is_mine:
        if not is_mine:
            return {}
        with tenancy.scope(UUID(business_id)):
            is_left = requests.perform(
                UUID(request_id), clock=timezone.now, until=timezone.now() + _SLICE
            )
    if is_left:
        jobs.PERFORM.enqueue(business_id=business_id, request_id=request_id)
    return {"more": int(is_left)}


@task(jobs.SWEEP)
def sweep(**_: Any) -> Counts:
    """Wake requests that are due, look again at erasures, delete copies whose time is over."""
    with locks.single_flight("privacy.sweep", ttl_seconds=300) as is_mine:
        return upkeep.sweep(now=timezone.now()) if is_mine else {}


@task(jobs.RETENTION, time_limit_seconds=7200)
def keep_to_retention(**_: Any) -> Counts:
    """Remove what was kept for its time, in every business."""
    with locks.single_flight("privacy.retention", ttl_seconds=7200) as is_mine:
        if not is_mine:
            return {}
        return retention.apply_all(clock=timezone.now, until=timezone.now() + _RETENTION_SLICE)


@task(jobs.SEAL_AUDIT, time_limit_seconds=120)
def seal_audit(**_: Any) -> Counts:
    """Chain the entries that wait, and store the signed heads outside the database."""
    with locks.single_flight("compliance.seal_audit", ttl_seconds=120) as is_mine:
        return sealing.run(now=timezone.now()) if is_mine else {}


@task(jobs.NOTE_DOORS, time_limit_seconds=120)
def note_doors(**_: Any) -> Counts:
    """Add to the trail how often each door was opened in the hours that are over."""
    with locks.single_flight("compliance.note_doors", ttl_seconds=120) as is_mine:
        return {"entries": doors.write(now=timezone.now())} if is_mine else {}


@task(jobs.CHECK_AUDIT, time_limit_seconds=3600)
def check_audit(*, business_id: str, **_: Any) -> Counts:
    """Recompute the trail of one business, or the installation's own."""
    with locks.single_flight(f"compliance.check_audit.{business_id}", ttl_seconds=3600) as is_mine:
        if not is_mine:
            return {}
        whose = UUID(business_id) if business_id else None
        return {"findings": checking.check(whose, now=timezone.now())}


@task(jobs.CHECK_TRAILS, time_limit_seconds=7200)
def check_trails(**_: Any) -> Counts:
    """Recompute every trail."""
    with locks.single_flight("compliance.check_trails", ttl_seconds=7200) as is_mine:
        return checking.check_all(now=timezone.now()) if is_mine else {}
