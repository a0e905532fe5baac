"""Events that could not be applied: kept with their reason, replayed or put aside by a person."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts import tenancy
from compliance import audit
from config.lib.errors import Conflict
from messaging.jobs import APPLY_WEBHOOKS
from messaging.webhooks import claims
from messaging.webhooks.models import DeadLetter, RawEvent


class EventGone(Conflict):
    """The raw event was archived; there is nothing left to replay."""

    code = "event_gone"


def list_open() -> QuerySet[DeadLetter]:
    """Return dead letters nobody dealt with, of every business, newest first."""
    return DeadLetter.objects.filter(resolved_at=None).order_by("-id")


def replay(letter: DeadLetter, *, now: datetime) -> None:
    """Have the event applied again; the letter is closed once that works.

    Applying is idempotent: what of the event was applied before stays as it is.
    """
    if not replay_many([letter], now=now):
        raise EventGone("The event is no longer stored.")


@transaction.atomic
def replay_many(letters: Sequence[DeadLetter], *, now: datetime) -> int:
    """Have many events applied again; return how many events are due now."""
    stored = claims.put_back([letter.event_id for letter in letters], now=now)
    ids = [letter.pk for letter in letters]
    DeadLetter.objects.filter(pk__in=ids).update(replayed_at=now, resolved_at=None)
    for letter in letters:
        _record("webhook.replayed", letter)
    APPLY_WEBHOOKS.enqueue()
    return stored


@transaction.atomic
def resolve(letters: Sequence[DeadLetter], *, now: datetime) -> int:
    """Put letters aside: somebody looked, nothing is to be done; return how many were open."""
    open_ids = [letter.pk for letter in letters if letter.resolved_at is None]
    for letter in letters:
        _record("webhook.resolved", letter)
    return DeadLetter.objects.filter(pk__in=open_ids, resolved_at=None).update(resolved_at=now)


def body_of(letter: DeadLetter) -> bytes | None:
    """Return the raw bytes Meta posted, None when they were archived."""
    found = RawEvent.objects.filter(pk=letter.event_id).values_list("body", flat=True).first()
    return bytes(found) if found is not None else None


def _record(action: str, letter: DeadLetter) -> None:
    with tenancy.scope(letter.business_id) if letter.business_id else nullcontext():
        audit.record(action=action, resource="dead_letter", resource_id=str(letter.pk))
