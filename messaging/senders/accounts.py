"""What Meta says about a whole WhatsApp account: its messaging limit, and whether it may send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import WhatsAppAccount
from accounts.tenancy import Door, across
from messaging.senders import events, pauses
from messaging.senders.models import Sender, SenderEvent

Kind = SenderEvent.Kind

_TIERS: Final = ((250, "TIER_250"), (2_000, "TIER_2K"), (10_000, "TIER_10K"))
_TOP_TIER: Final = 100_000

_STOPPING: Final = {
    "ACCOUNT_DELETED": "Meta deleted the account",
    "ACCOUNT_OFFBOARDED": "The account was disconnected",
    "PARTNER_REMOVED": "The account was disconnected",
    "PARTNER_APP_UNINSTALLED": "The account was disconnected",
}
_RESUMING: Final = frozenset({"ACCOUNT_RECONNECTED", "PARTNER_ADDED", "PARTNER_APP_INSTALLED"})
_STOPPING_RESTRICTIONS: Final = frozenset(
    {"RESTRICTED_BIZ_INITIATED_MESSAGING", "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"}
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A change of whether an account may send, in Meta's words. `digest` names the fact."""

    event: str
    detail: str = ""
    restrictions: Sequence[tuple[str, datetime | None]] = ()
    digest: str = ""


@across(Door.ROUTING)
def set_limit(account: WhatsAppAccount, limit: str) -> None:
    """Write a new messaging limit; it belongs to the portfolio, so to all its accounts here."""
    tier = tier_of(limit)
    if not tier:
        return
    with transaction.atomic():
        changed = _of_portfolio(account).exclude(messaging_limit=tier)
        # Two writers take the accounts in the same order.
        held = changed.select_for_update(no_key=True).order_by("id").values_list("pk", flat=True)
        WhatsAppAccount.across_businesses.filter(pk__in=list(held)).update(messaging_limit=tier)


def tier_of(limit: str) -> str:
    """Return Meta's name of a limit given as a name or a number; empty when it is neither."""
    if limit.startswith("TIER_"):
        return limit[:16]
    if limit == "-1":
        return "TIER_UNLIMITED"
    if not limit.isdecimal():
        return ""
    people = int(limit)
    if people > _TOP_TIER:
        return "TIER_UNLIMITED"
    return next((name for ceiling, name in _TIERS if people <= ceiling), "TIER_100K")


def decides(standing: Standing) -> bool:
    """Say whether a fact of Meta's decides if the account may send; others are mere news."""
    return _verdict(standing) is not None


@transaction.atomic
def apply(account: WhatsAppAccount, standing: Standing, *, at: datetime) -> None:
    """Stop or start every number of the account as Meta says; `at` is Meta's time.

    Operators read of it by `record`, which is told also what came late.
    """
    verdict = _verdict(standing)
    if verdict is None:
        return
    reason, until = verdict
    restricted_at = at if reason else None
    WhatsAppAccount.across_businesses.filter(pk=account.pk).update(
        restricted_at=restricted_at, restriction=reason[:200]
    )
    for sender in Sender.across_businesses.filter(account=account).order_by("id"):
        if reason:
            pauses.pause(sender, reason=reason, until=until, by_meta=True, now=at, is_told=True)
        elif sender.paused_by_meta:
            pauses.resume(sender, now=at, is_told=True)


def record(account: WhatsAppAccount, standing: Standing, sentence: str, *, at: datetime) -> None:
    """Show what Meta said about the account beside each of its numbers, once, in any order."""
    kind, detail = _line(standing, sentence)
    for sender in Sender.across_businesses.filter(account=account).order_by("id"):
        events.record(sender, kind, detail, at=at, digest=standing.digest)


def _line(standing: Standing, sentence: str) -> tuple[SenderEvent.Kind, str]:
    verdict = _verdict(standing)
    if verdict is None:
        return Kind.STATUS, sentence
    reason, _ = verdict
    if reason:
        return Kind.PAUSED, f"{reason}: {sentence}"
    return Kind.RESUMED, f"Meta lets the account send: {sentence}"


def _verdict(standing: Standing) -> tuple[str, datetime | None] | None:
    """Return the reason to stop and until when; an empty reason lifts; None changes nothing."""
    if standing.event in _RESUMING:
        return "", None
    if standing.event in _STOPPING:
        return _STOPPING[standing.event], None
    if standing.event == "DISABLED_UPDATE":
        if "REINSTATE" in standing.detail:
            return "", None
        is_planned = "SCHEDULE" in standing.detail
        return None if is_planned else ("Meta disabled the account", None)
    found = [one for one in standing.restrictions if one[0] in _STOPPING_RESTRICTIONS]
    if not found:
        return None
    ends = [end for _, end in found]
    until = None if None in ends else max(end for end in ends if end)
    names = ", ".join(sorted(name for name, _ in found))
    return f"Meta restricted the account: {names}", until


def _of_portfolio(account: WhatsAppAccount) -> QuerySet[WhatsAppAccount]:
    same = Q(pk=account.pk)
    if account.portfolio_id:
        same |= Q(portfolio_id=account.portfolio_id)
    rows: QuerySet[WhatsAppAccount] = WhatsAppAccount.across_businesses.filter(same)
    return rows
