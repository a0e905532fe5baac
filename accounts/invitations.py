"""Nobody is taken into a business without saying yes: invitations, answered by whom they name.

An invitation goes by mail, with a link that works for seven days and once. Who has an account
accepts it signed in; who has none chooses a password through it. Until it is accepted the inviter
learns nothing about an account of the person.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core import signing
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string

from accounts import approvals, grants, holdings, jobs, members, roles, standing, tenancy, users
from accounts.access import Access
from accounts.models import Invitation, Membership, User
from accounts.signals import InvitationChanged, invitation_changed
from accounts.tenancy import Door, current_id
from config.lib import outward
from config.lib.apart import going_on
from config.lib.errors import Conflict, NotAllowed, NotFound

logger = structlog.get_logger(__name__)

LIFETIME: Final = timedelta(days=7)
BATCH: Final = 100
MOST_FAILURES: Final = 20
# Longer than a mail takes: the server is waited for ten seconds in each of some fifteen steps.
MAIL_CLAIM: Final = timedelta(minutes=5)
EXPIRED: Final = "expired"
_KNOWN: Final = "You have an account already: sign in, then accept."
_signer: Final = signing.Signer(salt="accounts.invitation")
Status = Invitation.Status


class AlreadyInvited(Conflict):
    """The person was invited and has not answered."""

    code = "already_invited"


class InvitationOver(Conflict):
    """It was answered, taken back, or its time is over."""

    code = "invitation_over"


class SignInFirst(Conflict):
    """The person has an account: they accept signed in."""

    code = "sign_in_first"


@dataclass(frozen=True, slots=True)
class Joined:
    """Who joined, as what."""

    user: User
    membership: Membership


@approvals.asking
def invite(*, email: str, role: str, by: Access, now: datetime, name: str = "") -> Invitation:
    """Ask somebody to join the business in scope. Announces `InvitationChanged`.

    Nobody offers a role with rights they do not hold. Raises `AlreadyMember`, `AlreadyInvited`,
    `ApprovalRequired` where two people make an owner.
    """
    grants.require_role_within(role, by=by)
    email = email.strip().lower()
    if members.list_members().filter(user__email=email).exists():
        raise members.AlreadyMember("This person is already a member.", attr="email")
    members.require_second_person(email=email, role=role, by=by, now=now)
    pending = Invitation.objects.filter(email=email, status=Status.PENDING)
    pending.filter(expires_at__lte=now).update(status=Status.REVOKED, answered_at=now)
    try:
        with transaction.atomic():
            made: Invitation = Invitation.objects.create(
                business_id=current_id(),
                email=email,
                name=" ".join(name.split()),  # it stands in a mail
                role=role,
                nonce=_nonce(),
                invited_by=by.person,
                created_at=now,
                expires_at=now + LIFETIME,
            )
    except IntegrityError as error:
        raise AlreadyInvited(
            "This person was invited and has not answered: send it again instead.", attr="email"
        ) from error
    _send(made, "invited", by)
    return made


@transaction.atomic
def resend(*, invitation: Invitation, by: Access, now: datetime) -> Invitation:
    """Send it again with a new link and another seven days; the old link ends."""
    locked = _lock(invitation.pk)
    grants.require_role_within(locked.role, by=by)
    _require_agreed(locked)
    locked.nonce, locked.expires_at = _nonce(), now + LIFETIME
    locked.invited_by, locked.mailed_at, locked.mail_failures = by.person, None, 0
    fields = ["nonce", "expires_at", "invited_by", "mailed_at", "mail_failures"]
    locked.save(update_fields=fields)
    _send(locked, "resent", by)
    return locked


@transaction.atomic
def revoke(*, invitation: Invitation, by: Access, now: datetime) -> None:
    """Take it back; its link ends."""
    locked = _lock(invitation.pk)
    grants.require_role_within(locked.role, by=by)
    _close(locked, Status.REVOKED, now)
    _announce(locked, "revoked", by)


def list_all() -> QuerySet[Invitation]:
    """List the invitations of the business in scope."""
    rows: QuerySet[Invitation] = Invitation.objects.select_related("invited_by")
    return rows


def list_mine(user: User, *, now: datetime) -> list[Invitation]:
    """List what this person is invited to, in any business."""
    with tenancy.across(Door.SIGN_IN):
        rows = Invitation.across_businesses.select_related("business", "invited_by")
        return list(rows.filter(_is_open(now), email=user.email.lower()).order_by("-id")[:50])


def find_by_link(token: str, *, now: datetime) -> Invitation | None:
    """Return the open invitation a link leads to."""
    try:
        id_, nonce = _signer.unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    with tenancy.across(Door.SIGN_IN):
        rows = Invitation.across_businesses.select_related("business", "invited_by")
        found: Invitation | None = rows.filter(_is_open(now), pk=id_, nonce=nonce).first()
    return found


def has_account(invitation: Invitation) -> bool:
    """Tell whether the person invited can sign in: for whoever came by the link only."""
    return User.objects.find(invitation.email) is not None


def get_mine(user: User, invitation_id: UUID | None, *, now: datetime) -> Invitation:
    """Return an open invitation to this person; raise `NotFound` for any other."""
    with tenancy.across(Door.SIGN_IN):
        rows = Invitation.across_businesses.filter(_is_open(now), email=user.email.lower())
        found: Invitation | None = rows.filter(pk=invitation_id).first() if invitation_id else None
    if found is None:
        raise NotFound("No such invitation.")
    return found


@transaction.atomic
def accept(*, invitation: Invitation, user: User, now: datetime) -> Membership:
    """Join as the person invited, who is signed in. Announces `MemberRoleChanged`."""
    if user.email.lower() != invitation.email.lower():
        raise NotFound("No such invitation.")
    with tenancy.scope(invitation.business_id):
        locked = _lock(invitation.pk)
        if locked.expires_at <= now or locked.nonce != invitation.nonce:
            raise InvitationOver("This invitation is over. Ask for a new one.")
        _require_standing(locked)
        _require_agreed(locked)
        by = Access(user, None, locked.business, frozenset())
        joined = members.join(user=user, role=locked.role, by=by)
        # Whoever shows it stands in no business, or in another.
        joined.business = locked.business
        _close(locked, Status.ACCEPTED, now)
        _announce(locked, "accepted", by)
        return joined


@transaction.atomic
def accept_new(*, token: str, name: str, password: str, now: datetime) -> Joined:
    """Make the account of somebody who has none, with the password they chose, and join."""
    found = find_by_link(token, now=now)
    if found is None:
        raise InvitationOver("This invitation is over. Ask for a new one.")
    if has_account(found):
        raise SignInFirst(_KNOWN)
    try:
        with transaction.atomic():
            user = users.create(email=found.email, name=name or found.name, password=password)
    except IntegrityError as error:  # the account was made at this moment
        raise SignInFirst(_KNOWN) from error
    return Joined(user, accept(invitation=found, user=user, now=now))


@transaction.atomic
def decline(*, invitation: Invitation, user: User, now: datetime) -> None:
    """Say no."""
    if user.email.lower() != invitation.email.lower():
        raise NotFound("No such invitation.")
    with tenancy.scope(invitation.business_id):
        locked = _lock(invitation.pk)
        _close(locked, Status.DECLINED, now)
        _announce(locked, "declined", Access(user, None, locked.business, frozenset()))


def mail_due(*, now: datetime) -> dict[str, int]:
    """Send the mails that wait: of what was invited or sent again, and what failed before."""
    with tenancy.across(Door.SWEEP):
        rows = Invitation.across_businesses.filter(_is_open(now), _is_due())
        due = list(rows.order_by("id").values_list("pk", "business_id")[:BATCH])
    done = {"sent": 0, "failed": 0}
    for id_, business_id in due:
        outcome: bool | None = False
        with going_on("invitations.mail", invitation=str(id_)), tenancy.scope(business_id):
            outcome = _mail(id_, now)
        if outcome is not None:
            done["sent" if outcome else "failed"] += 1
    return done


def _mail(id_: UUID, now: datetime) -> bool | None:
    """Send one mail; None when another worker does, or nothing is due any more.

    With no transaction open. What came of it is noted, unless it was sent anew meanwhile.
    """
    outward.require_no_transaction("send_mail")
    found = _claim(id_, now)
    if found is None:
        return None
    context = {"invitation": found, "link": link_of(found), "days": LIFETIME.days}
    text = render_to_string("mail/invitation.txt", context)
    try:
        send_mail(_subject(found), text, None, [found.email])
    except (OSError, ValueError) as error:  # the server, or what no mail can carry
        logger.warning("invitation_not_mailed", invitation=str(id_), error=type(error).__name__)
        told: dict[str, Any] = {"mail_failures": F("mail_failures") + 1}
    else:
        told = {"mailed_at": now}
    rows = Invitation.objects.filter(pk=id_)
    rows.filter(nonce=found.nonce).update(**told)
    rows.filter(mail_claimed_until=found.mail_claimed_until).update(mail_claimed_until=None)
    return "mailed_at" in told


def _claim(id_: UUID, now: datetime) -> Invitation | None:
    """Take an invitation in hand, so that no other worker mails it; None when it is not free."""
    rows = Invitation.objects.filter(pk=id_)
    free = rows.filter(_is_open(now), _is_due())
    if not free.update(mail_claimed_until=Now() + MAIL_CLAIM):
        return None
    found: Invitation | None = rows.select_related("business", "invited_by").first()
    return found


def _subject(invitation: Invitation) -> str:
    """Return one line, whatever the business is called."""
    name = " ".join(invitation.business.name.split())
    return f"Join {name} on Switchboard"


def link_of(invitation: Invitation) -> str:
    """Return the address the mail leads to."""
    token = _signer.sign_object([str(invitation.pk), invitation.nonce])
    return f"{settings.PUBLIC_URL.rstrip('/')}/invitation/{token}/"


def state_of(invitation: Invitation, now: datetime) -> str:
    """Return the status, with one whose time is over called so."""
    if invitation.status == Status.PENDING and invitation.expires_at <= now:
        return EXPIRED
    return invitation.status


def in_state(rows: QuerySet[Invitation], state: str, now: datetime) -> QuerySet[Invitation]:
    """Narrow to those whose `state_of` is this one."""
    if state == EXPIRED:
        return rows.filter(status=Status.PENDING, expires_at__lte=now)
    return rows.filter(_is_open(now)) if state == Status.PENDING else rows.filter(status=state)


def _is_open(now: datetime) -> Q:
    return Q(status=Status.PENDING, expires_at__gt=now)


def _is_due() -> Q:
    is_free = Q(mail_claimed_until=None) | Q(mail_claimed_until__lte=Now())
    return is_free & Q(mailed_at=None, mail_failures__lt=MOST_FAILURES)


def _lock(id_: UUID) -> Invitation:
    rows = Invitation.objects.select_for_update(of=["self"]).select_related("business")
    found: Invitation | None = rows.filter(pk=id_).first()
    if found is None:
        raise NotFound("No such invitation.")
    if found.status != Status.PENDING:
        raise InvitationOver("This invitation was answered or taken back.")
    return found


def _close(invitation: Invitation, status: str, now: datetime) -> None:
    invitation.status, invitation.answered_at = status, now
    invitation.save(update_fields=["status", "answered_at"])


def _require_standing(invitation: Invitation) -> None:
    """Refuse when whoever invited could not do so today: nobody gives what they do not hold."""
    inviter = invitation.invited_by
    if inviter is None:
        return
    standing.keep([standing.of_user(inviter.pk)])
    held = holdings.holding(inviter, invitation.business).lasting
    if not roles.of_role(invitation.role) <= held:
        raise NotAllowed(
            "Whoever invited you may not give this role any more. Ask for a new invitation.",
            code="invitation_void",
        )


def _require_agreed(invitation: Invitation) -> None:
    """Refuse an owner whom one person invited where by now it takes two."""
    email, role, at = invitation.email, invitation.role, invitation.created_at
    if members.lacks_second_person(email=email, role=role, at=at):
        raise NotAllowed(
            "Two people make an owner here by now, and one sent this invitation. "
            "It has to be taken back and made anew.",
            code="invitation_void",
        )


def _send(invitation: Invitation, change: str, by: Access) -> None:
    _announce(invitation, change, by)
    jobs.MAIL_INVITATIONS.enqueue()


def _announce(invitation: Invitation, change: str, by: Access) -> None:
    fact = InvitationChanged(
        business_id=invitation.business_id,
        invitation_id=invitation.pk,
        change=change,
        role=invitation.role,
        by=by,
    )
    invitation_changed.send(sender=Invitation, fact=fact)


def _nonce() -> str:
    return secrets.token_urlsafe(16)
