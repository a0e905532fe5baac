"""The periodic work of accounts."""

from __future__ import annotations

from django.utils import timezone

from accounts import credentials, idempotency, jobs, tokens
from config.lib.tasks import task


@task(jobs.FORGET_ANSWERS)
def forget_answers(**_: object) -> dict[str, int]:
    """Delete idempotency records older than 24 hours."""
    return {"deleted": idempotency.forget_expired(now=timezone.now())}


@task(jobs.FORGET_TOKENS)
def forget_tokens(**_: object) -> dict[str, int]:
    """Delete refresh tokens that have expired."""
    return {"deleted": tokens.forget_expired(now=timezone.now())}


@task(jobs.CHECK_TOKENS)
def check_tokens(**_: object) -> dict[str, int]:
    """Ask Meta whether it still accepts each account's token."""
    return credentials.check_all(now=timezone.now())
