"""Erase several people at once: named together, started together, by two people if so set.

The approval of the second person is bound to exactly these people; one more or less voids it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from accounts import approvals, tenancy
from accounts.access import Access
from accounts.approvals import Asks
from accounts.models_security import ApprovalKind
from compliance import audit
from compliance.privacy import registry, requests
from compliance.privacy.models import PrivacyBatch, PrivacyRequest
from compliance.privacy.registry import Person
from config.lib.errors import Conflict, InvalidInput
from config.lib.ids import new_id

Status = PrivacyBatch.Status
MOST: Final = 1000
# So many people are listed one by one.
SHOWN: Final = 100
SUBJECT: Final = "privacy_batch"


class NotWaiting(Conflict):
    """The erasures were started or withdrawn."""

    code = "privacy_batch_not_waiting"


class NobodyLeft(Conflict):
    """There is nobody to erase: everybody named has an erasure of their own already."""

    code = "privacy_batch_empty"


class NotWhoWasNamed(Conflict):
    """An address that was named belongs to somebody else by now."""

    code = "privacy_batch_changed"


@dataclass(frozen=True, slots=True)
class Named:
    """A batch, and who of the people named have an erasure of their own already: one line each."""

    batch: PrivacyBatch
    skipped: tuple[str, ...]


def create(*, people: Sequence[Person], source: str, by: Access, now: datetime) -> Named:
    """Note an erasure for each of these people; nothing happens to their data yet."""
    if not people:
        raise InvalidInput("Name at least one person.", attr="people")
    if len(people) > MOST:
        raise InvalidInput(f"At most {MOST:,} people at once.", attr="people")
    batch = PrivacyBatch(
        id=new_id(), business_id=tenancy.current_id(), source=source[:120], created_by=by.user
    )
    with transaction.atomic():
        batch.save(force_insert=True)
        skipped = _open_all(batch, people, by=by, now=now)
        batch.size, batch.digest = len(_waiting(batch)), str(_digest(batch))
        if not batch.size:
            raise NobodyLeft(f"Nobody is left to erase. {told(skipped)}")
        batch.save(update_fields=["size", "digest"])
        _record("privacy.batch_named", batch, by)
    return Named(batch, skipped)


def told(skipped: Sequence[str]) -> str:
    """Say who was not named, and why; nothing when nobody was left out."""
    if not skipped:
        return ""
    more = f", and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
    return f"Named already, and left where they are: {', '.join(skipped[:SHOWN])}{more}."


@approvals.asking
def start(*, batch: PrivacyBatch, by: Access, now: datetime) -> PrivacyBatch:
    """Have workers erase them.

    Raises `NotWaiting`, `NotWhoWasNamed`, and what `approvals.require` raises.
    """
    held = _locked(batch)
    waiting = _waiting(held)
    if not waiting:
        raise NobodyLeft("Nobody is left in it to erase. Withdraw it, and name the people again.")
    _require_same(waiting)
    approvals.require(
        kind=ApprovalKind.MASS_ERASURE,
        subject_type=SUBJECT,
        subject_id=str(held.pk),
        digest=_digest(held),
        by=by,
        now=now,
        asks=_asks(held, waiting),
    )
    held.status = Status.STARTED
    held.save(update_fields=["status"])
    _record("privacy.batch_started", held, by)
    for request in waiting:
        requests.start(request, by=by, now=now)
    return held


@transaction.atomic
def withdraw(*, batch: PrivacyBatch, by: Access, now: datetime) -> PrivacyBatch:
    """Close the erasures unstarted. Raises `NotWaiting`."""
    held = _locked(batch)
    for request in _waiting(held):
        requests.withdraw(request, by=by, now=now)
    held.status = Status.WITHDRAWN
    held.save(update_fields=["status"])
    _record("privacy.batch_withdrawn", held, by)
    return held


def parts_of(batch_id: str) -> Mapping[str, object] | None:
    """Return what an approval of this batch is about, as it is now."""
    batch = PrivacyBatch.objects.filter(pk=batch_id, status=Status.WAITING).first()
    return _parts(batch) if batch else None


def who(batch: PrivacyBatch) -> str:
    """Return the first people of a batch, without the middle of their addresses."""
    rows = PrivacyRequest.objects.filter(batch=batch).order_by("pk")
    labels = list(rows.values_list("label", flat=True)[:SHOWN])
    return _listed(labels, rows.count())


def _require_same(waiting: Sequence[PrivacyRequest]) -> None:
    """Let nobody be erased for holding an address now that stood for somebody else then."""
    changed = [one.label for one in waiting if _is_somebody_else(Person.from_json(one.person))]
    if changed:
        who_changed = _listed(changed[:SHOWN], len(changed))
        raise NotWhoWasNamed(
            f"Belongs to another contact since it was named: {who_changed}. "
            "Withdraw these erasures, and name the people again."
        )


def _is_somebody_else(named: Person) -> bool:
    now = registry.identify(Person(keys=named.keys))
    return bool(named.contacts and now.contacts - named.contacts)


def _asks(batch: PrivacyBatch, waiting: Sequence[PrivacyRequest]) -> Asks:
    count = len(waiting)
    lines = (
        ("People", str(count)),
        ("Who", _listed([one.label for one in waiting[:SHOWN]], count)),
        ("From", batch.source),
    )
    return Asks(f"Erase {count} people", lines)


def _listed(labels: Sequence[str], count: int) -> str:
    more = f" and {count - len(labels)} more" if count > len(labels) else ""
    return f"{', '.join(labels)}{more}"


def _open_all(
    batch: PrivacyBatch, people: Sequence[Person], *, by: Access, now: datetime
) -> tuple[str, ...]:
    """Note the erasures; return who has one elsewhere, without the middle of their address."""
    skipped = []
    for person in people:
        try:
            with transaction.atomic():
                made = requests.open_(
                    kind=PrivacyRequest.Kind.ERASURE,
                    person=person,
                    by=by,
                    now=now,
                    asked_by=PrivacyRequest.AskedBy.BUSINESS,
                )
        except requests.AlreadyOpen as error:
            other = PrivacyRequest.objects.select_related("batch").get(pk=error.extra["request"])
            if other.batch_id != batch.pk:
                skipped.append(f"{person.label} ({_place(other)})")
            continue
        PrivacyRequest.objects.filter(pk=made.pk).update(batch=batch)
    return tuple(skipped)


def _place(other: PrivacyRequest) -> str:
    return f"in “{other.batch.source}”" if other.batch else "a request of their own"


def _digest(batch: PrivacyBatch) -> approvals.Digest:
    return approvals.digest_of(_parts(batch))


def _parts(batch: PrivacyBatch) -> dict[str, object]:
    return {"the people": sorted(sorted(one.digests) for one in _waiting(batch))}


def _waiting(batch: PrivacyBatch) -> list[PrivacyRequest]:
    rows = PrivacyRequest.objects.filter(batch=batch, status=PrivacyRequest.Status.OPEN)
    return list(rows.order_by("pk"))


def _locked(batch: PrivacyBatch) -> PrivacyBatch:
    held: PrivacyBatch = PrivacyBatch.objects.select_for_update().get(pk=batch.pk)
    if held.status != Status.WAITING:
        raise NotWaiting(f"These erasures are “{held.get_status_display()}”.")
    return held


def _record(action: str, batch: PrivacyBatch, by: Access) -> None:
    audit.record(
        action=action,
        resource=SUBJECT,
        resource_id=str(batch.pk),
        details={"people": batch.size},
        actor=by.user,
        actor_name=by.actor_name,
    )
