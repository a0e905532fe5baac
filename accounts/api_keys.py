"""Machines' keys: shown once, kept as a keyed hash, limited to permissions."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from accounts import grants, roles
from accounts.access import Access
from accounts.models import ApiKey
from accounts.signals import ApiKeyIssued, ApiKeyRevoked, api_key_issued, api_key_revoked
from accounts.tenancy import current_id
from config.lib import crypto
from config.lib.errors import InvalidInput, NotFound, ProjectError

MARK: Final = "sb_"
NOTE_USE_EVERY: Final = timedelta(minutes=1)


class KeyRefused(ProjectError):
    """The key is not one of ours, or no longer good."""

    status = 401
    code = "invalid_api_key"


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key. `secret` is the whole key as the client sends it, and is not kept."""

    api_key: ApiKey
    secret: str


@transaction.atomic
def issue(
    *,
    name: str,
    permissions: Collection[str],
    by: Access,
    now: datetime,
    expires_at: datetime | None = None,
) -> Issued:
    """Make a key for the business in scope, with no more rights than its issuer has.

    What only platform admins may is for no key. Announces `ApiKeyIssued`.
    """
    wanted = roles.require_known(permissions)
    grants.require_within(wanted, held=by.permissions)
    roles.require_grantable(wanted)
    if not wanted:
        raise InvalidInput("A key needs at least one permission.", attr="permissions")
    _require_future(expires_at, now)
    return _store(name=name, permissions=wanted, by=by, expires_at=expires_at)


@transaction.atomic
def rotate(*, api_key: ApiKey, by: Access, now: datetime) -> Issued:
    """Replace a key by a new one with the same name, rights and expiry, and revoke the old."""
    locked = _lock_live(api_key, now)
    wanted = frozenset(locked.permissions)
    grants.require_within(wanted, held=by.permissions)
    roles.require_grantable(wanted)
    issued = _store(name=locked.name, permissions=wanted, by=by, expires_at=locked.expires_at)
    _revoke(locked, by=by, now=now)
    return issued


@transaction.atomic
def revoke(*, api_key: ApiKey, by: Access, now: datetime) -> None:
    """End a key at once. Ending it again changes nothing. Announces `ApiKeyRevoked`."""
    locked = ApiKey.objects.select_for_update().get(pk=api_key.pk)
    if locked.revoked_at is None:
        _revoke(locked, by=by, now=now)


def verify(*, secret: str, now: datetime) -> ApiKey:
    """Return the live key this secret opens, with its business; raise `KeyRefused`.

    Works outside any scope: the key says which business it is of.
    """
    digests = crypto.keyed_hashes(secret)
    key: ApiKey | None = (
        ApiKey.across_businesses.select_related("business").filter(digest__in=digests).first()
        if secret.startswith(MARK)
        else None
    )
    if key is None or not any(hmac.compare_digest(key.digest, digest) for digest in digests):
        raise KeyRefused("The API key is not valid.")
    if key.revoked_at is not None:
        raise KeyRefused("The API key was revoked.", code="api_key_revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyRefused("The API key has expired.", code="api_key_expired")
    _note_use(key, now)
    return key


def _store(
    *, name: str, permissions: frozenset[str], by: Access, expires_at: datetime | None
) -> Issued:
    lookup = secrets.token_hex(4)
    secret = f"{MARK}{lookup}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        business_id=current_id(),
        name=name,
        prefix=MARK + lookup,
        digest=crypto.keyed_hash(secret),
        permissions=sorted(permissions),
        created_by=by.user,
        expires_at=expires_at,
    )
    api_key_issued.send(
        sender=ApiKey,
        fact=ApiKeyIssued(
            business_id=key.business_id,
            api_key_id=key.pk,
            name=name,
            permissions=tuple(key.permissions),
            by=by,
        ),
    )
    return Issued(key, secret)


def _revoke(key: ApiKey, *, by: Access, now: datetime) -> None:
    key.revoked_at = now
    key.save(update_fields=["revoked_at"])
    fact = ApiKeyRevoked(business_id=key.business_id, api_key_id=key.pk, name=key.name, by=by)
    api_key_revoked.send(sender=ApiKey, fact=fact)


def _lock_live(api_key: ApiKey, now: datetime) -> ApiKey:
    live = Q(expires_at=None) | Q(expires_at__gt=now)
    locked: ApiKey | None = (
        ApiKey.objects.select_for_update()
        .filter(live, pk=api_key.pk, revoked_at__isnull=True)
        .first()
    )
    if locked is None:
        raise NotFound("The key was revoked or has expired.")
    return locked


def _note_use(key: ApiKey, now: datetime) -> None:
    """Remember when the key was last used, to the minute: one write a minute, not one a request."""
    due = now - NOTE_USE_EVERY
    if key.last_used_at is None or key.last_used_at <= due:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=due)
        ApiKey.across_businesses.filter(stale, pk=key.pk).update(last_used_at=now)


def _require_future(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("The expiry lies in the past.", attr="expires_at")
