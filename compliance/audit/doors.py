"""Doors in the trail of the platform: an entry for each door and hour, with how often it opened.

Who crosses businesses is counted where it happens (`config.lib.postgres.doors`); here the hours
that are over become entries, signed and chained like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction

from accounts import tenancy
from compliance.audit import trail
from compliance.audit.models import AuditEntry
from config.lib.postgres import doors

ACTION: Final = "door.opened"


def write(*, now: datetime) -> int:
    """Add the entries of the hours that are over; return how many. One caller at a time."""
    written = 0
    for hour, counts in list(doors.hours_over(now)):
        with tenancy.across(tenancy.Door.AUDIT):
            written += _write_hour(hour, counts)
        doors.forget_hour(hour)
    return written


@transaction.atomic
def _write_hour(hour: str, counts: Mapping[str, int]) -> int:
    """Add what is not there: a run that ended before it could forget the hour left its entries."""
    entries = AuditEntry.objects.filter(business=None, action=ACTION, details__hour=hour)
    known = set(entries.values_list("resource_id", flat=True))
    missing = sorted(set(counts) - known)
    for door in missing:
        trail.record(
            action=ACTION,
            resource="door",
            resource_id=door,
            details={"hour": hour, "count": counts[door]},
            actor_name="Switchboard",
        )
    return len(missing)
