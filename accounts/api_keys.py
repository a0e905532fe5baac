"""Machines' keys: shown once, kept as a hash, limited to permissions and to networks.

A key never holds more than the person who made it holds now; it ends when they leave.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts import grants, holdings, roles, standing, tenancy
from accounts import networks as known_networks
from accounts.access import Access
from accounts.models import ApiKey
from accounts.signals import ApiKeyIssued, ApiKeyRevoked, api_key_issued, api_key_revoked
from accounts.tenancy import Door, current_id
from config.lib import crypto, moments
from config.lib.errors import InvalidInput, NotAllowed, NotFound, ProjectError

MARK: Final = "sb_"
NOTE_USE_EVERY: Final = timedelta(minutes=1)


class KeyRefused(ProjectError):
    """The key is not one of ours, or no longer good."""

    status = 401
    code = "invalid_api_key"


class AddressRefused(NotAllowed):
    """The key is bound to networks, and the request came from elsewhere."""

    code = "address_not_allowed"


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
    networks: Collection[str] = (),
) -> Issued:
    """Make a key for the business in scope, with no more rights than its issuer has.

    What only platform admins may is for no key. With `networks` it is refused from elsewhere.
    Announces `ApiKeyIssued`.
    """
    wanted = roles.require_known(permissions)
    grants.require_within(wanted, held=by.permissions)
    roles.require_grantable(wanted)
    if not wanted:
        raise InvalidInput("A key needs at least one permission.", attr="permissions")
    _require_expiry(expires_at, now)
    bound = known_networks.read(networks)
    return _store(name=name, permissions=wanted, by=by, expires_at=expires_at, networks=bound)


@transaction.atomic
def rotate(*, api_key: ApiKey, by: Access, now: datetime) -> Issued:
    """Replace a key by a new one that is the same but for its secret, and revoke the old.

    Whoever rotates it is its maker from then on.
    """
    locked = _lock_live(api_key, now)
    wanted = frozenset(locked.permissions)
    grants.require_within(wanted, held=by.permissions)
    roles.require_grantable(wanted)
    issued = _store(
        name=locked.name,
        permissions=wanted,
        by=by,
        expires_at=locked.expires_at,
        networks=locked.networks,
    )
    _revoke(locked, by=by, now=now)
    return issued


@transaction.atomic
def revoke(*, api_key: ApiKey, by: Access, now: datetime) -> None:
    """End a key at once. Ending it again changes nothing. Announces `ApiKeyRevoked`."""
    standing.change([standing.of_key(api_key.pk)])
    locked = ApiKey.objects.select_for_update().get(pk=api_key.pk)
    if locked.revoked_at is None:
        _revoke(locked, by=by, now=now)


@transaction.atomic
def revoke_all_of(*, maker_id: int, by: Access, now: datetime) -> int:
    """End the keys a person made in the business in scope; return how many."""
    keys = list(ApiKey.objects.filter(created_by=maker_id, revoked_at=None).order_by("pk"))
    for key in keys:
        revoke(api_key=key, by=by, now=now)
    return len(keys)


def verify(*, secret: str, now: datetime, address: str = "") -> ApiKey:
    """Return the live key this secret opens, with its business and maker.

    Raises `KeyRefused`, and `AddressRefused` when it is bound to other networks. The key says
    which business it is of, so none need be in scope.
    """
    with tenancy.across(Door.SIGN_IN):
        key = _find(secret) if secret.startswith(MARK) else None
        if key is None:
            raise KeyRefused("The API key is not valid.")
        _require_live(key, now)
        if key.networks and not known_networks.contain(key.networks, address):
            raise AddressRefused(
                f"This API key may not be used from {address or 'an unknown address'}."
            )
        _note_use(key, now)
    return key


def get_live(key_id: UUID | None, *, now: datetime) -> ApiKey:
    """Return a key with its business and maker; raise `KeyRefused` when it has ended."""
    rows = ApiKey.across_businesses.select_related("business", "created_by")
    key: ApiKey | None = rows.filter(pk=key_id).first()
    if key is None:
        raise KeyRefused("The API key is not valid.")
    _require_live(key, now)
    return key


def rights_of(key: ApiKey) -> frozenset[str]:
    """Return what a key may do now: what it was given, as far as its maker still holds it.

    Raises `KeyRefused` when its maker is no longer there. A permission that was renamed or
    dropped since is not held under its old name.
    """
    given = roles.GRANTABLE.intersection(key.permissions)
    if key.created_by is None:
        return given
    held = holdings.holding(key.created_by, key.business)
    if not held.role:
        raise KeyRefused(
            "The person who made this API key is no longer here.", code="api_key_orphaned"
        )
    return given & held.permissions


def _find(secret: str) -> ApiKey | None:
    """Look the key up by its hash, the same way for every secret.

    A key is random and long, so a plain hash of it gives nothing away, and no rotation of our own
    keys drops it. One stored under a keyed hash before gets the plain one when it is next used.
    """
    digest = _digest(secret)
    known = [digest, *crypto.keyed_hashes(secret)]
    rows = ApiKey.across_businesses.select_related("business", "created_by")
    key: ApiKey | None = rows.filter(digest__in=known).first()
    if key is None or not any(hmac.compare_digest(key.digest, one) for one in known):
        return None
    if key.digest != digest:
        ApiKey.across_businesses.filter(pk=key.pk).update(digest=digest)
    return key


def _require_live(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None:
        raise KeyRefused("The API key was revoked.", code="api_key_revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyRefused("The API key has expired.", code="api_key_expired")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _store(
    *,
    name: str,
    permissions: frozenset[str],
    by: Access,
    expires_at: datetime | None,
    networks: list[str],
) -> Issued:
    lookup = secrets.token_hex(4)
    secret = f"{MARK}{lookup}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        business_id=current_id(),
        name=name,
        prefix=MARK + lookup,
        digest=_digest(secret),
        permissions=sorted(permissions),
        networks=networks,
        created_by=by.person,
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
    standing.change([standing.of_key(api_key.pk)])
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


def _require_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("The expiry lies in the past.", attr="expires_at")
    moments.require_reachable(expires_at, now=now, attr="expires_at")
