"""A person asks: open the request, start it, follow it until it is answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import QuerySet

from accounts import tenancy
from accounts.access import Access
from compliance import audit, jobs
from compliance.privacy import erase, export, keys, registry
from compliance.privacy.models import PrivacyBatch, PrivacyRequest
from compliance.privacy.registry import Later, Person
from config.lib import alerts
from config.lib.errors import Conflict, InvalidInput, NotFound
from config.lib.ids import new_id

logger = structlog.get_logger(__name__)

Kind = PrivacyRequest.Kind
Status = PrivacyRequest.Status
Clock = Callable[[], datetime]

ANSWERED_WITHIN: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=92)  # a month, and two more where the law allows them
MAX_ATTEMPTS: Final = 12
_FIRST_WAIT: Final = timedelta(seconds=10)
_LONGEST_WAIT: Final = timedelta(minutes=30)
_PATIENCE: Final = timedelta(minutes=1)
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


class AlreadyOpen(Conflict):
    """The person has a request of this kind that is not answered yet."""

    code = "privacy_request_open"


class NotOpen(Conflict):
    """The request was started or withdrawn."""

    code = "privacy_request_not_open"


class NobodyKnown(NotFound):
    """Nothing is held about this person."""

    code = "person_unknown"


def identify(*, address: str = "", contact_id: UUID | None = None) -> Person:
    """Return who is meant by an address key or a contact. Raises `NobodyKnown`."""
    named = frozenset({address} if address else ())
    person = registry.identify(
        Person(keys=named, contacts=frozenset({contact_id} if contact_id else ()))
    )
    if not person.keys:
        raise NobodyKnown("There is no such contact.")
    return person


def open_(
    *,
    kind: Kind,
    person: Person,
    by: Access,
    now: datetime,
    asked_by: str = PrivacyRequest.AskedBy.PERSON,
    channel: str = PrivacyRequest.Channel.OTHER,
    note: str = "",
    received_at: datetime | None = None,
    due_at: datetime | None = None,
) -> PrivacyRequest:
    """Note what a person asked for; nothing happens to their data yet. Raises `AlreadyOpen`."""
    received = received_at or now
    _require_recent(received, now)
    due = due_at or received + ANSWERED_WITHIN
    _require_in_time(received, due)
    request = PrivacyRequest(
        id=new_id(),
        business_id=tenancy.current_id(),
        kind=kind,
        label=person.label,
        person=person.to_json(),
        digests=digests_of(person),
        asked_by=asked_by,
        channel=channel,
        note=note,
        received_at=received,
        due_at=due,
        opened_by=by.user,
    )
    with transaction.atomic():
        _require_first(kind, person)
        request.save(force_insert=True)
        _record("privacy.requested", request, by, {"kind": kind, "due_at": due.isoformat()})
    return request


def start(request: PrivacyRequest, *, by: Access, now: datetime) -> PrivacyRequest:
    """Have a worker do what was asked. Raises `NotOpen`."""
    with transaction.atomic():
        held = _open(request.pk, {Status.OPEN, Status.FAILED})
        if held.batch and held.batch.status == PrivacyBatch.Status.WAITING:
            raise NotOpen("It starts together with the other people it was named with.")
        held.status, held.started_at, held.next_at = Status.RUNNING, held.started_at or now, now
        held.attempts, held.error = 0, ""
        held.save(update_fields=["status", "started_at", "next_at", "attempts", "error"])
        _record("privacy.started", held, by, {"kind": held.kind})
        wake(held)
    return held


def withdraw(request: PrivacyRequest, *, by: Access, now: datetime) -> PrivacyRequest:
    """Close a request nothing was done about; who it was about is forgotten. Raises `NotOpen`."""
    with transaction.atomic():
        held = _open(request.pk, {Status.OPEN})
        held.status, held.finished_at = Status.WITHDRAWN, now
        held.person, held.note = "", ""
        held.save(update_fields=["status", "finished_at", "person", "note"])
        _record("privacy.withdrawn", held, by, {"kind": held.kind})
    return held


def list_newest_first() -> QuerySet[PrivacyRequest]:
    """Return the requests of the business in scope."""
    rows: QuerySet[PrivacyRequest] = PrivacyRequest.objects.all()
    return rows.order_by("-id")


def progress_of(request: PrivacyRequest) -> tuple[int, int]:
    """Return how many stores are done, of how many."""
    total = len(registry.holders())
    if request.status in {Status.DONE, Status.EXPIRED}:
        return total, total
    done = set(request.progress.get("done", ()))
    return sum(holder.name in done for holder in registry.holders()), total


def is_overdue(request: PrivacyRequest, *, now: datetime) -> bool:
    """Say whether the answer is late."""
    return request.status not in PrivacyRequest.FINAL and request.due_at < now


def wake(request: PrivacyRequest) -> None:
    """Have a worker look at a request now."""
    jobs.PERFORM.enqueue(business_id=str(request.business_id), request_id=str(request.pk))


def list_due(*, now: datetime) -> list[PrivacyRequest]:
    """Return the requests of every business a worker should look at."""
    rows = PrivacyRequest.across_businesses.filter(next_at__lte=now, status=Status.RUNNING)
    return list(rows.order_by("next_at")[:100])


def perform(request_id: UUID, *, clock: Clock, until: datetime) -> bool:
    """Do what a running request asks for; return whether work is left to do now."""
    request = PrivacyRequest.objects.filter(pk=request_id, status=Status.RUNNING).first()
    if request is None:
        return False
    try:
        if request.kind == Kind.ACCESS:
            export.make(request, clock=clock)
            return False
        return not erase.advance(request, clock=clock, until=until)
    except erase.TakenOver:
        return False
    except Later as error:
        _put_off(request.pk, str(error), clock() + _PATIENCE)
        return False
    except (IntegrityError, OperationalError) as error:
        # Somebody else wrote what was being removed; the next look sees it.
        _try_again(request.pk, error, clock())
        return False
    except Exception as error:
        logger.exception("privacy_request_broke", request=str(request.pk))
        _try_again(request.pk, error, clock())
        return False


def digests_of(person: Person) -> list[str]:
    """Return the keyed hashes of a person's addresses."""
    key, business_id = keys.current(), tenancy.current_id()
    return sorted(key.digest(business_id, one) for one in person.address_keys)


def list_of(person: Person) -> QuerySet[PrivacyRequest]:
    """Return the requests of a person, under whichever secret they were filed."""
    known = keys.digests(tenancy.current_id(), sorted(person.address_keys))
    return list_newest_first().filter(digests__overlap=sorted(known))


def _require_recent(received: datetime, now: datetime) -> None:
    if received > now + timedelta(minutes=10):
        raise InvalidInput("The day of asking is in the future.", attr="received_at")
    if received < now - timedelta(days=366):
        raise InvalidInput("The day of asking is more than a year ago.", attr="received_at")


def _require_in_time(received: datetime, due: datetime) -> None:
    if not received < due <= received + LONGEST:
        raise InvalidInput(
            "The answer is due after the day of asking, within three months.", attr="due_at"
        )


def _require_first(kind: Kind, person: Person) -> None:
    """Look one at a time: of two who note the same at once each would find no other."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME, [f"privacy requests {tenancy.current_id()}"])
    others = list_of(person).filter(kind=kind).exclude(status__in=PrivacyRequest.FINAL)
    if other := others.values_list("pk", flat=True).first():
        raise AlreadyOpen(
            "The person has such a request already that is not answered yet.",
            extra={"request": str(other)},
        )


def _open(request_id: UUID, among: set[Status]) -> PrivacyRequest:
    held: PrivacyRequest = PrivacyRequest.objects.select_for_update().get(pk=request_id)
    if held.status not in among:
        raise NotOpen(f"The request is “{held.get_status_display()}”.")
    return held


def _put_off(request_id: UUID, why: str, next_at: datetime) -> None:
    PrivacyRequest.objects.filter(pk=request_id, status=Status.RUNNING).update(
        next_at=next_at, error=why[:200]
    )


def _try_again(request_id: UUID, error: Exception, now: datetime) -> None:
    with transaction.atomic():
        held = PrivacyRequest.objects.select_for_update().get(pk=request_id)
        if held.status != Status.RUNNING:
            return
        held.attempts += 1
        held.error = f"{type(error).__name__}. Tried {held.attempts} times."
        held.next_at = now + min(_FIRST_WAIT * 2**held.attempts, _LONGEST_WAIT)
        if held.attempts >= MAX_ATTEMPTS:
            held.status, held.next_at = Status.FAILED, None
        held.save(update_fields=["attempts", "error", "next_at", "status"])
    if held.status == Status.FAILED:
        alerts.send(
            "A privacy request failed",
            f"Request {held.pk} was tried {held.attempts} times. See the worker's log.",
            alerts.Severity.CRITICAL,
        )


def _record(action: str, request: PrivacyRequest, by: Access, details: dict[str, object]) -> None:
    audit.record(
        action=action,
        resource="privacy_request",
        resource_id=str(request.pk),
        details=details,
        actor=by.user,
        actor_name=by.actor_name,
    )
