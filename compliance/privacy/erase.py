"""Erase a person, step by step, so that a kill at any moment costs one step at most.

    suppress    an opt-out in every scope, told to whoever sends: what is under way lands first,
                nothing leaves any more. The addresses become hashes, the record is written.
    holders     each store in turn, a bounded transaction a step; the request notes the progress in
                the same transaction, so the counts are exact. Before the contact goes it is looked
                at once more, locked: an address it got meanwhile is suppressed too, and every store
                gone through again
    finish      the certificate; the request forgets who it was about

Whoever writes meanwhile comes back as somebody new: without consent, suppressed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts import tenancy
from compliance import audit, consent
from compliance.models import ConsentEvent, ConsentStatus, Scope
from compliance.privacy import certificate, keys, registry, suppression
from compliance.privacy.models import ErasureRecord, PrivacyRequest
from compliance.privacy.registry import DataHolder, Person, Step

LEASE: Final = timedelta(minutes=5)
# Work that began before the contact was gone may still commit until then.
SETTLES: Final = timedelta(minutes=10)
_SUPPRESS: Final = "suppress"

Clock = Callable[[], datetime]


class TakenOver(Exception):
    """The request is not running any more, or is another worker's."""


def advance(request: PrivacyRequest, *, clock: Clock, until: datetime) -> bool:
    """Do steps until all is done or the time is over; return whether all is done.

    Raises `registry.Later` when a store cannot be cleared yet.
    """
    if _SUPPRESS not in _done(request):
        with transaction.atomic():
            _suppress(locked(request.pk), clock())
        request.refresh_from_db()
    while holder := _next_holder(request):
        if not _clear(request, holder, clock=clock, until=until):
            return False
    with transaction.atomic():
        _finish(locked(request.pk), clock())
    return True


def locked(request_id: UUID) -> PrivacyRequest:
    """Return the request, locked and running."""
    rows = PrivacyRequest.objects.filter(pk=request_id, status=PrivacyRequest.Status.RUNNING)
    held: PrivacyRequest | None = rows.select_for_update().first()
    if held is None:
        raise TakenOver
    return held


def look_again(record: ErasureRecord, *, now: datetime) -> Mapping[str, int]:
    """Erase what work that was under way left behind under the contacts' ids; return counts."""
    person = Person(keys=frozenset(), contacts=frozenset(record.contact_ids))
    found: Counter[str] = Counter()
    for holder in registry.holders():
        steps = holder.erase(person, cursor="", now=now)
        while True:
            with transaction.atomic():
                step = next(steps, None)
            if step is None:
                break
            if step.look:
                step.look()
            found.update(step.counts)
    with transaction.atomic():
        ErasureRecord.objects.filter(pk=record.pk).update(looked_again_at=now)
        if +found:
            audit.record(
                action="privacy.looked_again",
                resource="privacy_request",
                resource_id=str(record.request_id),
                details=dict(+found),
            )
    return +found


def list_unsettled(*, now: datetime) -> list[ErasureRecord]:
    """Return the erasures of every business that are to be looked at once more: those long done."""
    settled = now - SETTLES
    under_way = PrivacyRequest.across_businesses.filter(pk=OuterRef("request_id")).filter(
        ~Q(status=PrivacyRequest.Status.DONE) | Q(finished_at__gte=settled)
    )
    rows = ErasureRecord.across_businesses.filter(
        ~Exists(under_way), looked_again_at=None, erased_at__lt=settled
    )
    return list(rows.order_by("erased_at")[:100])


def _suppress(request: PrivacyRequest, now: datetime) -> None:
    person = registry.identify(Person.from_json(request.person))
    request.digests = _opt_out(person.address_keys, now)
    request.person = person.to_json()
    ErasureRecord.objects.get_or_create(
        request_id=request.pk,
        business_id=tenancy.current_id(),
        defaults={
            "key_id": keys.current().id,
            "digests": request.digests,
            "contact_ids": sorted(person.contacts),
            "erased_at": now,
        },
    )
    request.progress = {"done": [_SUPPRESS], "counts": {}, "cursors": {}}
    request.next_at = now + LEASE
    request.save(update_fields=["digests", "person", "progress", "next_at"])


def _widen(request: PrivacyRequest, found: Person, now: datetime) -> None:
    """Suppress the addresses the person got since; have every store gone through again."""
    person = Person.from_json(request.person)
    new = _opt_out(found.address_keys - person.address_keys, now)
    request.digests = sorted({*request.digests, *new})
    request.person = person.joined(found).to_json()
    request.progress |= {"done": [_SUPPRESS], "cursors": {}}
    request.save(update_fields=["digests", "person"])
    ErasureRecord.objects.filter(request_id=request.pk).update(
        digests=request.digests, stored_at=None
    )


def _opt_out(address_keys: Collection[str], now: datetime) -> list[str]:
    """Opt these addresses out and remember them by their hash; return the hashes."""
    named = sorted(address_keys)
    consent.record(
        addresses=named,
        scopes=tuple(Scope),
        status=ConsentStatus.OPTED_OUT,
        source=ConsentEvent.Source.PRIVACY,
        occurred_at=now,
        now=now,
        reason=suppression.REASON,
    )
    return suppression.add(named, at=now)


def _next_holder(request: PrivacyRequest) -> DataHolder | None:
    done = _done(request)
    return next((one for one in registry.holders() if one.name not in done), None)


def _clear(request: PrivacyRequest, holder: DataHolder, *, clock: Clock, until: datetime) -> bool:
    """Run the steps of one store; return whether they came to their end in time."""
    cursor = request.progress["cursors"].get(holder.name, "")
    steps = holder.erase(Person.from_json(request.person), cursor=cursor, now=clock())
    while True:
        now = clock()
        with transaction.atomic():
            held = locked(request.pk)
            step = next(steps, None)
            if step and step.found:
                _widen(held, step.found, now)
            _note(held, holder.name, step, now)
        request.progress, request.person = held.progress, held.person
        if step is None or step.found:
            return True
        if step.look:
            step.look()
        elif now >= until:
            return False


def _note(request: PrivacyRequest, name: str, step: Step | None, now: datetime) -> None:
    progress: dict[str, Any] = request.progress
    counts = Counter(progress["counts"].get(name, {}))
    counts.update(step.counts if step else {})
    progress["counts"][name] = dict(counts)
    if step is None:
        progress["done"].append(name)
        progress["cursors"].pop(name, None)
    elif step.cursor:
        progress["cursors"][name] = step.cursor
    request.next_at, request.attempts, request.error = now + LEASE, 0, ""
    request.save(update_fields=["progress", "next_at", "attempts", "error"])


def _finish(request: PrivacyRequest, now: datetime) -> None:
    request.finished_at = now
    request.certificate = certificate.make(request, now=now)
    request.status = PrivacyRequest.Status.DONE
    request.person, request.note, request.next_at, request.error = "", "", None, ""
    request.save(
        update_fields=[
            "finished_at",
            "certificate",
            "status",
            "person",
            "note",
            "next_at",
            "error",
        ]
    )
    audit.record(
        action="privacy.erased",
        resource="privacy_request",
        resource_id=str(request.pk),
        details={name: sum(one.values()) for name, one in request.progress["counts"].items()},
        actor=request.opened_by,
    )


def _done(request: PrivacyRequest) -> list[str]:
    done: list[str] = request.progress.get("done", [])
    return done
