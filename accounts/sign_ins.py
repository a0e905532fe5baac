"""Where people are signed in: browsers' sessions and programs' tokens, each of them endable.

A session and an access token are good only while their row here has not ended; that is asked on
every request.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import Q, QuerySet
from rest_framework_simplejwt.tokens import RefreshToken

from accounts import standing
from accounts.access import Access
from accounts.models import Membership, Role, SignIn, User
from accounts.signals import SignedOut, signed_out
from config.lib.errors import NotAllowed, NotFound

SESSION_KEY: Final = "sign_in"
NOTE_SEEN_EVERY: Final = timedelta(minutes=1)
KEPT: Final = timedelta(days=30)
_LONGEST_AGENT: Final = 200


def start(
    user: User, *, door: str, now: datetime, address: str = "", agent: str = "", id_: UUID | None
) -> SignIn:
    """Note that somebody signed in; `id_` is the family of tokens when there is one."""
    return SignIn.objects.create(
        **({"id": id_} if id_ else {}),
        user=user,
        door=door,
        address=_address(address),
        agent=agent[:_LONGEST_AGENT],
        created_at=now,
        seen_at=now,
    )


def of_session(
    session: SessionBase, user: User, *, now: datetime, address: str = "", agent: str = ""
) -> SignIn | None:
    """Return the sign-in of a browser's session; None when it was ended from elsewhere."""
    known = session.get(SESSION_KEY)
    if known is None:
        row = start(user, door=SignIn.Door.ADMIN, now=now, address=address, agent=agent, id_=None)
        session[SESSION_KEY] = str(row.pk)
        return row
    found = SignIn.objects.filter(pk=known, user=user, ended_at=None).first()
    if found is not None:
        note_seen(found, now=now, address=address)
    return found


def note_seen(sign_in: SignIn, *, now: datetime, address: str = "") -> None:
    """Remember when and from where it was last used, to the minute."""
    if sign_in.seen_at > now - NOTE_SEEN_EVERY:
        return
    stale = SignIn.objects.filter(pk=sign_in.pk, seen_at__lte=now - NOTE_SEEN_EVERY)
    stale.update(seen_at=now, address=_address(address) or sign_in.address)


def list_open(user: User, *, now: datetime) -> QuerySet[SignIn]:
    """List where a person is signed in, the latest first."""
    browser = now - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    program = now - RefreshToken.lifetime
    alive = Q(door=SignIn.Door.ADMIN, seen_at__gt=browser) | Q(
        door=SignIn.Door.API, seen_at__gt=program
    )
    return SignIn.objects.filter(alive, user=user, ended_at=None).order_by("-seen_at", "-id")


def get_open(user: User, sign_in_id: UUID, *, now: datetime) -> SignIn:
    """Return one of a person's sign-ins; raise `NotFound` for somebody else's, like for none."""
    found = list_open(user, now=now).filter(pk=sign_in_id).first()
    if found is None:
        raise NotFound("No such sign-in, or it has ended.")
    return found


@transaction.atomic
def end(sign_in: SignIn, *, by: Access | None, now: datetime, reason: str = "ended") -> None:
    """Sign out there at once. Announces `SignedOut`."""
    standing.change([standing.of_user(sign_in.user_id)])
    if _end(SignIn.objects.filter(pk=sign_in.pk), now, reason):
        _announce(sign_in.user_id, everywhere=False, reason=reason, by=by)


@transaction.atomic
def end_all(
    user: User,
    *,
    now: datetime,
    reason: str,
    by: Access | None = None,
    keep: UUID | None = None,
) -> int:
    """Sign a person out everywhere, but for the place named; return how many places.

    Announces `SignedOut`.
    """
    standing.change([standing.of_user(user.pk)])
    rows = SignIn.objects.filter(user=user)
    ended = _end(rows.exclude(pk=keep) if keep else rows, now, reason)
    _announce(user.pk, everywhere=True, reason=reason, by=by)
    return ended


def require_may_end(membership: Membership, *, by: Access) -> None:
    """Raise `NotAllowed` unless the caller may sign this member out: nobody of a higher rank."""
    if membership.user.is_platform_admin and not by.is_platform_admin:
        raise NotAllowed(
            "Only a platform admin signs a platform admin out.", code="beyond_own_permissions"
        )
    if membership.role == Role.OWNER and "businesses.manage" not in by.permissions:
        raise NotAllowed("Only an owner signs an owner out.", code="beyond_own_permissions")


def forget_ended(*, now: datetime) -> int:
    """Delete what ended or was last used a month ago; return how many."""
    old = Q(ended_at__lte=now - KEPT) | Q(seen_at__lte=now - KEPT)
    return SignIn.objects.filter(old).delete()[0]


def describe_agent(agent: str) -> str:
    """Return a browser and system as people call them; the program's own words for others."""
    browser = _first(agent, _BROWSERS)
    system = _first(agent, _SYSTEMS)
    if browser and system:
        return f"{browser} on {system}"
    return browser or agent[:60] or "Unknown program"


# The first that occurs: what pretends to be another names itself before or after it.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def _first(agent: str, names: Iterable[tuple[str, str]]) -> str:
    return next((name for mark, name in names if mark in agent), "")


def _end(rows: QuerySet[SignIn], now: datetime, reason: str) -> int:
    return rows.filter(ended_at=None).update(ended_at=now, end_reason=reason[:24])


def _announce(user_id: int, *, everywhere: bool, reason: str, by: Access | None) -> None:
    fact = SignedOut(user_id=user_id, everywhere=everywhere, reason=reason, by=by)
    signed_out.send(sender=User, fact=fact)


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
