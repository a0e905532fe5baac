"""Sign in, refresh, log out: short access tokens, and refresh tokens that work once.

A sign-in starts a family of refresh tokens; each refresh revokes its token and adds the next.
A revoked token that comes back was stolen (or its answer was lost), so its family ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import authenticate, user_logged_in, user_login_failed
from django.db import transaction
from django.http import HttpRequest
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts import lockout, second_factor, sign_ins, standing
from accounts.models import SignIn, User
from accounts.signals import SignedIn, SignInFailed
from accounts.signals import sign_in_failed as sign_in_failed_signal
from accounts.signals import signed_in as signed_in_signal
from config.lib.errors import ProjectError, TooMany

if TYPE_CHECKING:
    from accounts.access import Access

# Microseconds since 1970: `iat` has whole seconds, too coarse for "issued before the sign-out".
ISSUED_CLAIM: Final = "issued_us"
# The sign-in a token came from: its family, and the row that says whether it has ended.
SIGN_IN_CLAIM: Final = "sign_in"
BATCH: Final = 5_000


class SignInRefused(ProjectError):
    """The e-mail and password do not open an account."""

    status = 401
    code = "invalid_credentials"


class TokenRefused(ProjectError):
    """The token is not ours, has expired, or was revoked."""

    status = 401
    code = "token_invalid"


class SecondFactorRequired(SignInRefused):
    """The password is right, and a code is asked for."""

    code = "second_factor_required"


class SecondFactorInvalid(SignInRefused):
    """The password is right, the code is not."""

    code = "second_factor_invalid"


class SignInLocked(TooMany):
    """Too many wrong passwords for this e-mail from this address."""

    code = "sign_in_locked"


@dataclass(frozen=True, slots=True)
class Pair:
    """What a client holds: a short access token and the refresh token that gets the next."""

    access: str
    refresh: str


def sign_in(
    request: HttpRequest, *, email: str, password: str, now: datetime, otp: str = ""
) -> Pair:
    """Return tokens for this e-mail and password; count failures and lock after too many.

    `otp` is a code of the second factor of who has one. Raises `SignInRefused`, `SignInLocked` or
    `second_factor.CodeThrottled`. Announces `SignedIn` or `SignInFailed`.
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
    has_shown_code = second_factor.is_enrolled(user)
    if has_shown_code:
        _require_code(request, user, otp, now)
    with transaction.atomic():
        if not has_shown_code and second_factor.is_asked(user):
            raise _code_needed()
        user_logged_in.send(sender=User, request=request, user=user)
        signed_in_signal.send(sender=User, fact=SignedIn(user_id=user.pk, door="api"))
        return start_family(
            user,
            now=now,
            address=lockout.address(request),
            agent=request.headers.get("User-Agent", ""),
        )


def count_failure(request: HttpRequest, user: User) -> bool:
    """Count a wrong code as a wrong password is; tell whether that locked the account here."""
    credentials = {"username": user.email}
    user_login_failed.send(sender=SecondFactorInvalid, credentials=credentials, request=request)
    return not AxesProxyHandler.is_allowed(request, credentials)


def is_locked(request: HttpRequest, user: User) -> bool:
    """Tell whether signing in as this person is closed from here."""
    return not AxesProxyHandler.is_allowed(request, {"username": user.email})


def _require_code(request: HttpRequest, user: User, otp: str, now: datetime) -> None:
    if not otp.strip():
        _announce_failure(user.email, SecondFactorRequired.code)
        raise _code_needed()
    try:
        second_factor.verify(user=user, code=otp, now=now)
    except second_factor.CodeRefused as error:
        is_closed = count_failure(request, user)
        request.axes_locked_out = False  # type: ignore[attr-defined]  # as above
        if is_closed:
            raise _locked(request, user.email) from error
        _announce_failure(user.email, SecondFactorInvalid.code)
        raise SecondFactorInvalid(error.detail, attr="otp") from error


def _code_needed() -> SecondFactorRequired:
    return SecondFactorRequired("A code of the second factor is needed: `otp`.", attr="otp")


def start_family(user: User, *, now: datetime, address: str = "", agent: str = "") -> Pair:
    """Issue the first tokens of a sign-in."""
    family = uuid4()
    sign_ins.start(user, door=SignIn.Door.API, now=now, address=address, agent=agent, id_=family)
    return _issue(user, family=family.hex, now=now)


def refresh(*, token: str, now: datetime) -> Pair:
    """Return the next tokens and revoke this one; raise `TokenRefused`.

    A token that was used before ends its whole family.
    """
    claims = _decode(RefreshToken, token)
    with transaction.atomic():
        outstanding = _lock(claims)
        reused = BlacklistedToken.objects.filter(token=outstanding).exists()
        if reused:
            _end_family(claims["jti"], outstanding.user, now, reason="token_reused")
        else:
            user = require_user(claims, outstanding.user)
            sign_ins.note_seen(_open_sign_in(claims["jti"], user, now), now=now)
            BlacklistedToken.objects.create(token=outstanding)
            return _issue(user, family=_family(claims["jti"]), now=now)
    raise TokenRefused("The refresh token was used before.", code="token_revoked")


@transaction.atomic
def log_out(*, token: str, now: datetime) -> None:
    """End the sign-in of a refresh token, its access tokens included, at once.

    A token that is no longer good changes nothing.
    """
    try:
        claims = _decode(RefreshToken, token)
        outstanding = _lock(claims)
    except TokenRefused:
        return
    _end_family(claims["jti"], outstanding.user, now, reason="log_out")


@transaction.atomic
def revoke_all(
    user: User,
    *,
    reason: str,
    now: datetime,
    by: Access | None = None,
    keep: UUID | None = None,
) -> None:
    """Sign a user out everywhere but in the place named, their tokens included.

    On a new password, when the account is closed, or when they ask for it.
    """
    standing.change([standing.of_user(user.pk)])
    user.tokens_valid_from = now
    user.save(update_fields=["tokens_valid_from"])
    sign_ins.end_all(user, now=now, reason=reason, by=by, keep=keep)


def sign_in_of(access_token: str) -> SignIn:
    """Return the sign-in of an access token, with its active user; raise `TokenRefused`."""
    claims = _decode(AccessToken, access_token)
    id_ = _uuid(str(claims.get(SIGN_IN_CLAIM, "")))
    if id_ is None:
        raise TokenRefused("The token is not valid.")
    found = SignIn.objects.select_related("user").filter(pk=id_).first()
    if found is None or found.ended_at is not None:
        raise TokenRefused("The token was revoked.", code="token_revoked")
    require_user(claims, found.user)
    return found


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
    token[SIGN_IN_CLAIM] = family
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


def _end_family(jti: str, user: User | None, now: datetime, *, reason: str) -> None:
    """End the sign-in a token came from: none of its tokens is good any more."""
    if user is not None:
        sign_ins.end(_sign_in(jti, user, now), by=None, now=now, reason=reason)


def _open_sign_in(jti: str, user: User, now: datetime) -> SignIn:
    found = _sign_in(jti, user, now)
    if found.ended_at is not None:
        raise TokenRefused("The token was revoked.", code="token_revoked")
    return found


def _sign_in(jti: str, user: User, now: datetime) -> SignIn:
    """Return the row of a family; one older than these rows gets its own now."""
    found, _ = SignIn.objects.get_or_create(
        pk=UUID(hex=_family(jti)),
        defaults={"user": user, "door": SignIn.Door.API, "created_at": now, "seen_at": now},
    )
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(hex=text)
    except ValueError:
        return None


def _locked(request: HttpRequest, email: str) -> SignInLocked:
    _announce_failure(email, SignInLocked.code)
    return SignInLocked(
        "Too many wrong passwords. Try again later.",
        retry_after_seconds=lockout.seconds(request),
    )


def _announce_failure(email: str, code: str) -> None:
    user = User.objects.find(email)
    fact = SignInFailed(user_id=user.pk if user else None, door="api", code=code)
    sign_in_failed_signal.send(sender=User, fact=fact)


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def forget_expired(*, now: datetime, batch: int = BATCH) -> int:
    """Delete refresh tokens that have expired, revoked or not, in small steps; return how many."""
    deleted = 0
    while True:
        expired = OutstandingToken.objects.filter(expires_at__lte=now)
        ids = list(expired.order_by("pk").values_list("pk", flat=True)[:batch])
        if not ids:
            return deleted
        gone = OutstandingToken.objects.filter(pk__in=ids).delete()[1]
        deleted += gone.get(OutstandingToken._meta.label, 0)
