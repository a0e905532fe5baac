"""Stop a sender, let it go on, slow it down; each with its cause, for operators to read."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from config.lib import moments
from messaging.senders import events
from messaging.senders.models import Sender, SenderEvent

Kind = SenderEvent.Kind


def pause(
    sender: Sender,
    *,
    reason: str,
    now: datetime,
    until: datetime | None = None,
    by_meta: bool = False,
    is_told: bool = False,
) -> bool:
    """Stop the sender until then, or until resumed; say whether that was news.

    A pause of Meta's goes over an operator's; an operator's pause leaves Meta's alone. `is_told`:
    operators read of it already.
    """
    rows = Sender.across_businesses.filter(pk=sender.pk)
    if not by_meta:
        moments.require_reachable(until, now=now, attr="until")
        rows = rows.filter(Q(paused_by_meta=False) | Q(paused_at=None))
    reason = reason[:200]
    changed = rows.exclude(
        paused_at__isnull=False, paused_until=until, pause_reason=reason, paused_by_meta=by_meta
    ).update(paused_at=now, paused_until=until, pause_reason=reason, paused_by_meta=by_meta)
    if changed:
        if not is_told:
            events.record(sender, Kind.PAUSED, reason, at=now)
        sender.refresh_from_db()
    return bool(changed)


def resume(
    sender: Sender,
    *,
    now: datetime,
    reason: str = "Resumed by an operator",
    is_told: bool = False,
) -> bool:
    """Let the sender go on and end its cooldown; say whether it had stopped."""
    changed = (
        Sender.across_businesses.filter(pk=sender.pk)
        .exclude(paused_at=None, cooldown_until=None)
        .update(
            paused_at=None,
            paused_until=None,
            pause_reason="",
            paused_by_meta=False,
            cooldown_until=None,
        )
    )
    if changed:
        if not is_told:
            events.record(sender, Kind.RESUMED, reason, at=now)
        sender.refresh_from_db()
    return bool(changed)


def cooldown(sender: Sender, *, seconds: float, cause: str, now: datetime) -> None:
    """Send nothing for this long; a longer cooldown under way stays."""
    until = now + timedelta(seconds=seconds)
    changed = (
        Sender.across_businesses.filter(pk=sender.pk)
        .filter(Q(cooldown_until=None) | Q(cooldown_until__lt=until))
        .update(cooldown_until=until)
    )
    if changed:
        events.record(sender, Kind.COOLDOWN, f"{cause} ({seconds:.0f} s)", at=now)
        sender.cooldown_until = until
