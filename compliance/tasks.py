"""The background work of compliance: one thin function a job."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from compliance import jobs
from compliance.audit import sealing
from config.lib import locks
from config.lib.tasks import Counts, task


@task(jobs.SEAL_AUDIT, time_limit_seconds=120)
def seal_audit(**_: Any) -> Counts:
    """Chain the entries that wait, and store the signed heads outside the database."""
    with locks.single_flight("compliance.seal_audit", ttl_seconds=120) as is_mine:
        return sealing.run(now=timezone.now()) if is_mine else {}
