"""Recomputing the trail: every signature, every link, every checkpoint, in bounded memory.

What is found is named by its place: an entry that was changed, removed or inserted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef

from accounts import tenancy
from compliance.audit import canonical, chain, checkpoints
from compliance.audit.chain import Head
from compliance.audit.models import AuditEntry, AuditLink, AuditPending

PAGE: Final = 1000
LOST: Final = "audit.entry_lost"
# In the details of such an entry: how far checkpoints signed the chain when it was found.
SIGNED: Final = "signed_position"
_UNSIGNED: Final = (
    "no configured key signed it: Switchboard did not write it, or it was changed before it was "
    "sealed"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    `kind` is changed, removed, inserted or checkpoint; `position` is 0 outside the chain.
    """

    kind: str
    business_id: UUID | None
    position: int
    entry_id: UUID | None
    detail: str


def chains() -> list[UUID | None]:
    """Return every chain there is a trace of: the platform's (None) first."""
    with tenancy.across(tenancy.Door.COMMAND):
        known: set[UUID | None] = {None, *checkpoints.chains()}
        for model in (AuditEntry, AuditLink, AuditPending):
            rows = model._default_manager.order_by()
            known |= set(rows.values_list("business_id", flat=True).distinct())
    return sorted(known, key=lambda one: str(one or ""))


def findings(business_id: UUID | None) -> Iterator[Finding]:
    """Yield what is wrong with one chain and the entries that wait for it, in order."""
    # Before the links: the chain may grow meanwhile, it never shrinks.
    seen = list(checkpoints.read(business_id))
    with chain.sight(business_id):
        yield from _chained(business_id, seen)
        yield from _loose(business_id)
        yield from _lost(business_id, seen)


def describe(finding: Finding) -> str:
    """Return a finding as one line, with its place."""
    place = f"position {finding.position}" if finding.position else "outside the chain"
    entry = f", entry {finding.entry_id}" if finding.entry_id else ""
    return f"{finding.kind.upper()} at {place}{entry}: {finding.detail}."


def _chained(business_id: UUID | None, seen: list[checkpoints.Checkpoint]) -> Iterator[Finding]:
    yield from (_forged(business_id, one) for one in seen if not one.is_genuine)
    due: dict[int, list[checkpoints.Checkpoint]] = {}
    for one in seen:
        if one.is_genuine:
            due.setdefault(one.head.position, []).append(one)
    end = Head(business_id, 0, canonical.first_hash(business_id))
    for link, entry in _walk(business_id):
        yield from _gap(end, link)
        yield from _entry(link, entry)
        if canonical.next_hash(end.chain_hash, link.digest) != link.chain_hash:
            yield _of(link, "changed", "its link does not follow from the one before it")
        yield from _at(due.get(link.position, []), link)
        end = Head(business_id, link.position, link.chain_hash)
    yield from _beyond(end, due)


def _walk(business_id: UUID | None) -> Iterator[tuple[AuditLink, AuditEntry | None]]:
    position = 0
    while True:
        rows = AuditLink.objects.filter(chain.of(business_id), position__gt=position)
        links = list(rows.order_by("position")[:PAGE])
        if not links:
            return
        entries = AuditEntry.objects.in_bulk([link.entry_id for link in links])
        for link in links:
            yield link, entries.get(link.entry_id)
        position = links[-1].position


def _gap(end: Head, link: AuditLink) -> Iterator[Finding]:
    missing = link.position - end.position - 1
    if missing:
        first = end.position + 1
        which = f"entry {first} is" if missing == 1 else f"{missing} entries from {first} on are"
        detail = f"{which} missing from the chain"
        yield Finding("removed", end.business_id, first, None, detail)


def _entry(link: AuditLink, entry: AuditEntry | None) -> Iterator[Finding]:
    if entry is None:
        yield _of(link, "removed", "the chain names it, but it is gone")
    elif canonical.digest(entry) != link.digest:
        yield _of(link, "changed", "it is not what the chain took in")
    elif not canonical.is_signed(entry):
        yield _of(link, "inserted", _UNSIGNED)


def _at(signed: list[checkpoints.Checkpoint], link: AuditLink) -> Iterator[Finding]:
    checkpoint = next((one for one in signed if one.head.chain_hash != link.chain_hash), None)
    if checkpoint:
        detail = f"the chain up to here is not the one the checkpoint of {checkpoint.at} signed"
        yield _of(link, "changed", detail)


def _beyond(end: Head, due: dict[int, list[checkpoints.Checkpoint]]) -> Iterator[Finding]:
    last = max(due, default=0)
    if last <= end.position:
        return
    first, missing = end.position + 1, last - end.position
    which = (
        f"entry {first} is" if missing == 1 else f"the last {missing} entries from {first} on are"
    )
    detail = f"{which} gone: the checkpoint of {due[last][0].at} signed {last}"
    yield Finding("removed", end.business_id, first, None, detail)


def _loose(business_id: UUID | None) -> Iterator[Finding]:
    """Check entries outside the chain: each must wait for it and be ours."""
    after = UUID(int=0)
    while True:
        rows = AuditEntry.objects.filter(chain.of(business_id), link__isnull=True, pk__gt=after)
        entries = list(rows.select_related("pending").order_by("pk")[:PAGE])
        for entry in entries:
            yield from _waiting(entry)
        if len(entries) < PAGE:
            break
        after = entries[-1].pk
    there = AuditEntry.objects.filter(pk=OuterRef("entry_id"))
    for row in AuditPending.objects.filter(~Exists(there), chain.of(business_id)).order_by("pk"):
        detail = "it waited for the chain, but it is gone"
        yield Finding("removed", business_id, 0, row.entry_id, detail)


def _lost(business_id: UUID | None, seen: list[checkpoints.Checkpoint]) -> Iterator[Finding]:
    """Name entries that were gone before a checkpoint covered them.

    One found when the chain had a checkpoint is taken as known once the oldest checkpoint is of a
    later day than the finding: the one of then stays unless whoever found out why moved it aside.
    One found when there was none, or none could be read, is named for ever.
    """
    first_day = min((one.at[:10] for one in seen if one.is_genuine), default="")
    for entry in AuditEntry.objects.filter(chain.of(business_id), action=LOST).order_by("pk"):
        is_later = entry.created_at.astimezone(UTC).strftime("%Y-%m-%d") < first_day
        is_known = is_later and bool(entry.details.get(SIGNED))
        if canonical.is_signed(entry) and not is_known:
            detail = "it was committed, and taken out before a checkpoint covered it"
            yield Finding("removed", business_id, 0, UUID(entry.resource_id), detail)


def _waiting(entry: AuditEntry) -> Iterator[Finding]:
    if not canonical.is_signed(entry):
        yield Finding("inserted", entry.business_id, 0, entry.pk, _UNSIGNED)
    elif not hasattr(entry, "pending"):
        detail = "it neither is in the chain nor waits for it"
        yield Finding("inserted", entry.business_id, 0, entry.pk, detail)


def _of(link: AuditLink, kind: str, detail: str) -> Finding:
    return Finding(kind, link.business_id, link.position, link.entry_id, detail)


def _forged(business_id: UUID | None, one: checkpoints.Checkpoint) -> Finding:
    return Finding("checkpoint", business_id, 0, None, f"{one.name} was not signed by Switchboard")
