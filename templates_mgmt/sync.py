"""Pull every template of a WhatsApp account from Meta.

A pull is idempotent and may run beside webhooks (`events`): a template that an event or a
submission touched after the pull began is left for the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog
from django.db.models import Q

from accounts import credentials, tenancy
from accounts import graph as account_graph
from accounts.models import WhatsAppAccount
from config.lib import graph, locks, loop, outward
from config.lib.errors import Unavailable
from config.lib.outward import KeepRights, nobodys_rights
from templates_mgmt import jobs, meta, states
from templates_mgmt.catalog import canonical_language
from templates_mgmt.errors import SyncRunning, TokenRefused
from templates_mgmt.events import (
    Outcome,
    announce,
    apply_category,
    apply_components,
    apply_quality,
    apply_status,
)
from templates_mgmt.meta import MetaTemplate
from templates_mgmt.models import Template

__all__ = [
    "Outcome",
    "SyncResult",
    "apply_category",
    "apply_components",
    "apply_quality",
    "apply_status",
    "enqueue",
    "enqueue_all",
    "pull",
    "pull_all",
]

logger = structlog.get_logger(__name__)

PAGE: Final = 200
LONGEST_SECONDS: Final = 600
# Templates that are not at Meta, or that we know to be gone, cannot go.
_NOT_THERE: Final = (Template.Status.DRAFT, Template.Status.DELETED)

_FIELDS: Final = (
    "meta_id",
    "category",
    "status",
    "meta_status",
    "quality",
    "parameter_format",
    "components",
    "rejection_reason",
    "pending_category",
)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """How many templates were new, changed or gone, and how many were as before."""

    new: int = 0
    changed: int = 0
    gone: int = 0
    unchanged: int = 0

    def __add__(self, other: SyncResult) -> SyncResult:
        return SyncResult(
            self.new + other.new,
            self.changed + other.changed,
            self.gone + other.gone,
            self.unchanged + other.unchanged,
        )


def pull(
    account: WhatsAppAccount, *, now: datetime, keep_rights: KeepRights = nobodys_rights
) -> SyncResult:
    """Make the account's templates what Meta says they are; the business is in scope.

    Writes a page at a time, each in its own transaction that begins with `keep_rights`, and
    announces `TemplateStatusChanged`. Call it outside of a transaction. Raises TokenRefused,
    SyncRunning or Unavailable; nothing is written then. Pages before one that fails stay.
    """
    write = partial(outward.write, keep_rights=keep_rights)
    with locks.single_flight(f"templates:{account.pk}", ttl_seconds=LONGEST_SECONDS) as is_held:
        if not is_held:
            raise SyncRunning("Templates of this account are being pulled at this moment.")
        found = _fetch(account, now)
        result = SyncResult()
        for start in range(0, len(found), PAGE):
            result += write(partial(_store, account, found[start : start + PAGE], now))
        result += write(partial(_note_gone, account, found, now))
    logger.info("templates_synced", account_id=str(account.pk), changed=result.changed)
    return result


def pull_all(*, now: datetime, keep_rights: KeepRights = nobodys_rights) -> SyncResult:
    """Pull every account of the business in scope; return the sum.

    Raises what `pull` does, with the first account that fails: what was written of those before
    it stays.
    """
    result = SyncResult()
    for account in WhatsAppAccount.objects.order_by("id"):
        if account.access_token:
            result += pull(account, now=now, keep_rights=keep_rights)
    return result


def enqueue(account: WhatsAppAccount) -> None:
    """Have the account's templates pulled once the transaction commits."""
    jobs.SYNC_TEMPLATES.enqueue(business_id=str(account.business_id), account_id=str(account.pk))


@tenancy.across(tenancy.Door.SWEEP)
def enqueue_all() -> int:
    """Have the templates of every account of every active business pulled; return how many."""
    active = WhatsAppAccount.across_businesses.filter(business__status="active").order_by("id")
    with_token = [account for account in active if account.access_token]
    for account in with_token:
        enqueue(account)
    return len(with_token)


def _fetch(account: WhatsAppAccount, now: datetime) -> list[MetaTemplate]:
    try:
        found = loop.run(
            meta.list_templates(
                account_graph.client(), waba_id=account.waba_id, token=account.access_token
            )
        )
    except graph.GraphError as error:
        if error.status == 401 or error.code in credentials.TOKEN_CODES:
            credentials.note_refused(account=account, now=now)
            raise TokenRefused("Meta does not accept the account's token.") from error
        raise Unavailable("Meta cannot list templates now.", retry_after_seconds=60) from error
    except graph.GraphFailure as error:
        raise Unavailable("Meta cannot be reached.", retry_after_seconds=60) from error
    return [template for template in found if template.name and template.language]


def _store(account: WhatsAppAccount, found: Sequence[MetaTemplate], now: datetime) -> SyncResult:
    known = _lock_known(account, found)
    new, unchanged, changed = [], [], 0
    for theirs in found:
        key = (theirs.name, canonical_language(theirs.language))
        ours = known.get(key)
        if ours is None:
            ours = Template(
                business_id=account.business_id, account=account, name=key[0], language=key[1]
            )
            known[key] = ours
            _take_over(ours, theirs)
            ours.synced_at = now
            new.append(ours)
        elif _is_newer(ours, now):
            continue
        elif _update(ours, theirs, now):
            changed += 1
        else:
            unchanged.append(ours.pk)
    Template.objects.bulk_create(new, ignore_conflicts=True)
    Template.objects.filter(pk__in=unchanged).update(synced_at=now)
    return SyncResult(new=len(new), changed=changed, unchanged=len(unchanged))


def _lock_known(
    account: WhatsAppAccount, found: Iterable[MetaTemplate]
) -> dict[tuple[str, str], Template]:
    names = {template.name for template in found}
    rows = Template.objects.select_for_update().filter(account=account, name__in=names)
    return {(row.name, row.language): row for row in rows.order_by("id")}


def _is_newer(template: Template, began_at: datetime) -> bool:
    """Say whether we learnt something of the template after the pull began."""
    if template.synced_at is not None and template.synced_at > began_at:
        return True
    return bool(template.told_at) and template.updated_at > began_at


def _take_over(ours: Template, theirs: MetaTemplate) -> list[str]:
    """Set what Meta says; return the names of the fields that differ."""
    values: dict[str, Any] = {
        "meta_id": theirs.id[:32],
        "category": states.category_of(theirs.category),
        "status": states.status_of(theirs.status).value,
        "meta_status": theirs.status[:40],
        "quality": states.quality_of(theirs.quality).value,
        "parameter_format": theirs.parameter_format.lower()[:12],
        "components": theirs.components,
        "rejection_reason": theirs.rejected_reason[:500],
        "pending_category": _pending(theirs),
    }
    differing = [name for name in _FIELDS if getattr(ours, name) != values[name]]
    for name in differing:
        setattr(ours, name, values[name])
    return differing


def _pending(theirs: MetaTemplate) -> str:
    correct = states.category_of(theirs.correct_category, otherwise="")
    return "" if correct == states.category_of(theirs.category) else correct


def _update(ours: Template, theirs: MetaTemplate, now: datetime) -> bool:
    before = ours.status
    differing = _take_over(ours, theirs)
    if not differing:
        return False
    ours.synced_at = now
    ours.save(update_fields=[*differing, "synced_at", "updated_at"])
    announce(ours, before, ours.rejection_reason)
    return True


def _note_gone(
    account: WhatsAppAccount, found: Iterable[MetaTemplate], now: datetime
) -> SyncResult:
    """Mark what Meta no longer lists. What was submitted since the pull began is not gone."""
    seen = {template.id for template in found}
    rows = Template.objects.select_for_update().filter(account=account).exclude(meta_id="")
    rows = rows.exclude(status__in=_NOT_THERE).filter(
        Q(synced_at__lt=now) | Q(synced_at__isnull=True), updated_at__lt=now
    )
    gone = [row for row in rows.order_by("id") if row.meta_id not in seen]
    for row in gone:
        before, row.status, row.meta_status = row.status, Template.Status.DELETED, "DELETED"
        row.synced_at = now
        row.save(update_fields=["status", "meta_status", "synced_at", "updated_at"])
        announce(row, before, "Meta no longer lists it.")
    return SyncResult(gone=len(gone))
