"""The periodic work of accounts."""

from __future__ import annotations

from django.utils import timezone

from accounts import (
    approvals,
    credentials,
    grants,
    idempotency,
    invitations,
    jobs,
    sign_ins,
    tenancy,
    tokens,
)
from config.lib.tasks import task


@task(jobs.FORGET_ANSWERS)
def forget_answers(**_: object) -> dict[str, int]:
    """Delete idempotency records older than 24 hours."""
    return {"deleted": idempotency.forget_expired(now=timezone.now())}


@task(jobs.FORGET_TOKENS)
def forget_tokens(**_: object) -> dict[str, int]:
    """Delete refresh tokens that have expired, and sign-ins that ended a month ago."""
    now = timezone.now()
    return {
        "deleted": tokens.forget_expired(now=now),
        "sign_ins": sign_ins.forget_ended(now=now),
    }


@task(jobs.MAIL_INVITATIONS)
def mail_invitations(**_: object) -> dict[str, int]:
    """Mail the links of invitations that wait for it."""
    return invitations.mail_due(now=timezone.now())


@task(jobs.END_GRANTS)
def end_grants(**_: object) -> dict[str, int]:
    """Delete grants whose time is over; they are not held since then."""
    with tenancy.across(tenancy.Door.SWEEP):
        return {"ended": grants.end_expired(now=timezone.now())}


@task(jobs.CHECK_TOKENS)
def check_tokens(**_: object) -> dict[str, int]:
    """Ask Meta whether it still accepts each account's token."""
    return credentials.check_all(now=timezone.now())


@task(jobs.EXPIRE_APPROVALS)
def expire_approvals(**_: object) -> dict[str, int]:
    """End requests to a second person that nobody decided or used in time."""
    return {"expired": approvals.expire(now=timezone.now())}
