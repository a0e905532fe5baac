"""Sign in, refresh, log out: short access tokens, and refresh tokens that work once.

A sign-in starts a family of refresh tokens; each refresh revokes its token and adds the next.
A revoked token that comes back was stolen (or its answer was lost), so its family ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import authenticate, user_logged_in
from django.db import transaction
from django.http import HttpRequest
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts import lockout
from accounts.models import User
from accounts.signals import SignedIn, SignedOut, SignInFailed
from accounts.signals import sign_in_failed as sign_in_failed_signal
from accounts.signals import signed_in as signed_in_signal
from accounts.signals import signed_out as signed_out_signal
from config.lib.errors import ProjectError, TooMany

# Microseconds since 1970: `iat` has whole seconds, too coarse for "issued before the sign-out".
ISSUED_CLAIM: Final = "issued_us"


class SignInRefused(ProjectError):
    """The e-mail and password do not open an account."""

    status = 401
    code = "invalid_credentials"


class TokenRefused(ProjectError):
    """The token is not ours, has expired, or was revoked."""

    status = 401
    code = "token_invalid"


class SignInLocked(TooMany):
    """Too many wrong passwords for this e-mail from this address."""

    code = "sign_in_locked"


@dataclass(frozen=True, slots=True)
class Pair:
    """What a client holds: a short access token and the refresh token that gets the next."""

    access: str
    refresh: str


def sign_in(request: HttpRequest, *, email: str, password: str, now: datetime) -> Pair:
    """Return tokens for this e-mail and password; count failures and lock after too many.

    Raises `SignInRefused` or `SignInLocked`. Announces `SignedIn` or `SignInFailed`.
    """
    credentials = {"username": email}
    if not AxesProxyHandler.is_allowed(request, credentials):
        raise _locked(request, email)
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        # Set by axes to swap the answer for its own page; ours is the API's error body.
        request.axes_locked_out = False  # type: ignore[attr-defined]  # axes reads it
        if not AxesProxyHandler.is_allowed(request, credentials):
            raise _locked(request, email)
        _announce_failure(email, SignInRefused.code)
        raise SignInRefused("No active account has this e-mail and password.")
    user_logged_in.send(sender=User, request=request, user=user)
    signed_in_signal.send(sender=User, fact=SignedIn(user_id=user.pk, door="api"))
    return start_family(user, now=now)


def start_family(user: User, *, now: datetime) -> Pair:
    """Issue the first tokens of a sign-in."""
    return _issue(user, family=uuid4().hex, now=now)


def refresh(*, token: str, now: datetime) -> Pair:
    """Return the next tokens and revoke this one; raise `TokenRefused`.

    A token that was used before ends its whole family.
    """
    claims = _decode(RefreshToken, token)
    with transaction.atomic():
        outstanding = _lock(claims)
        reused = BlacklistedToken.objects.filter(token=outstanding).exists()
        if reused:
            _revoke_family(claims["jti"])
        else:
            user = require_user(claims, outstanding.user)
            BlacklistedToken.objects.create(token=outstanding)
            return _issue(user, family=_family(claims["jti"]), now=now)
    raise TokenRefused("The refresh token was used before.", code="token_revoked")


@transaction.atomic
def log_out(*, token: str) -> None:
    """Revoke a refresh token and its family; one that is no longer good changes nothing."""
    try:
        claims = _decode(RefreshToken, token)
        outstanding = _lock(claims)
    except TokenRefused:
        return
    _revoke_family(claims["jti"])
    if outstanding.user_id is not None:
        fact = SignedOut(user_id=outstanding.user_id, everywhere=False, reason="log_out")
        signed_out_signal.send(sender=User, fact=fact)


@transaction.atomic
def revoke_all(user: User, *, reason: str, now: datetime) -> None:
    """End every token of a user: on loss of rights, a new password, or "sign out everywhere"."""
    user.tokens_valid_from = now
    user.save(update_fields=["tokens_valid_from"])
    _blacklist(OutstandingToken.objects.filter(user=user))
    fact = SignedOut(user_id=user.pk, everywhere=True, reason=reason)
    signed_out_signal.send(sender=User, fact=fact)


def user_of(access_token: str) -> User:
    """Return the active user an access token speaks for; raise `TokenRefused`."""
    claims = _decode(AccessToken, access_token)
    user_id = str(claims.get("user_id", ""))
    found = User.objects.filter(pk=user_id).first() if user_id.isdecimal() else None
    return require_user(claims, found)


def require_user(claims: dict[str, Any], user: User | None) -> User:
    """Return the user unless they are gone, inactive, or signed out after the token was issued."""
    if user is None or not user.is_active:
        raise TokenRefused("The user is not active.", code="user_inactive")
    valid_from = user.tokens_valid_from
    if valid_from is not None and int(claims.get(ISSUED_CLAIM, 0)) <= _microseconds(valid_from):
        raise TokenRefused("The token was revoked.", code="token_revoked")
    return user


def _issue(user: User, *, family: str, now: datetime) -> Pair:
    token = RefreshToken()
    token["user_id"] = str(user.pk)
    token["jti"] = f"{family}.{uuid4().hex}"
    token[ISSUED_CLAIM] = _microseconds(now)
    # The token itself is not stored: its id is enough to revoke it, and useless when stolen.
    OutstandingToken.objects.create(
        user=user,
        jti=token["jti"],
        token="",
        created_at=now,
        expires_at=datetime_from_epoch(token["exp"]),
    )
    return Pair(access=str(token.access_token), refresh=str(token))


def _decode(kind: type[Token], token: str) -> dict[str, Any]:
    """Check signature, expiry and type, and return the claims.

    Whether a refresh token was revoked is asked by `refresh`, under a lock.
    """
    checked: type[Token] = _UncheckedRefresh if kind is RefreshToken else kind
    try:
        claims: dict[str, Any] = checked(token).payload  # type: ignore[arg-type]  # stub says Token
    except ExpiredTokenError as error:
        raise TokenRefused("The token has expired.", code="token_expired") from error
    except TokenError as error:
        raise TokenRefused("The token is not valid.") from error
    return claims


class _UncheckedRefresh(Token):
    token_type = RefreshToken.token_type
    lifetime = RefreshToken.lifetime


def _lock(claims: dict[str, Any]) -> OutstandingToken:
    """Take the token's row, so that two refreshes at once cannot both win."""
    row = OutstandingToken.objects.select_for_update().filter(jti=claims["jti"]).first()
    if row is None:
        raise TokenRefused("The token is not valid.")
    return row


def _family(jti: str) -> str:
    return jti.partition(".")[0]


def _revoke_family(jti: str) -> None:
    _blacklist(OutstandingToken.objects.filter(jti__startswith=f"{_family(jti)}."))


def _blacklist(tokens: Any) -> None:
    live = tokens.filter(blacklistedtoken__isnull=True)
    BlacklistedToken.objects.bulk_create(
        [BlacklistedToken(token=token) for token in live], ignore_conflicts=True
    )


def _locked(request: HttpRequest, email: str) -> SignInLocked:
    _announce_failure(email, SignInLocked.code)
    return SignInLocked(
        "Too many wrong passwords. Try again later.",
        retry_after_seconds=lockout.seconds(request),
    )


def _announce_failure(email: str, code: str) -> None:
    user_id = User.objects.filter(email__iexact=email).values_list("pk", flat=True).first()
    fact = SignInFailed(user_id=user_id, door="api", code=code)
    sign_in_failed_signal.send(sender=User, fact=fact)


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def forget_expired(*, now: datetime) -> int:
    """Delete refresh tokens that have expired, revoked or not; return how many."""
    expired = OutstandingToken.objects.filter(expires_at__lte=now)
    return expired.delete()[1].get(OutstandingToken._meta.label, 0)
