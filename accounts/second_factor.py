"""A second factor: enrol an authenticator app, check its codes, recover, take it off.

Who has one has only sign-ins that showed a code: enrolling ends all others. `verify` is the one
place that takes a code, of the app or for recovery; a code is taken once, wrong ones cost time.
Announces `SecondFactorChanged`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b32decode, b32encode
from datetime import datetime, timedelta
from math import ceil
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django_otp.oath import TOTP

from accounts import grants, holdings, sign_ins, standing, tenancy
from accounts.access import Access
from accounts.models import (
    Authenticator,
    Business,
    Membership,
    RecoveryCode,
    SecurityPolicy,
    User,
)
from accounts.signals import SecondFactorChanged, second_factor_changed
from accounts.tenancy import Door
from config.lib.errors import Conflict, InvalidInput, NotAllowed, NotFound, TooMany

ISSUER: Final = "Switchboard"
STEP_SECONDS: Final = 30
DIGITS: Final = 6
# A clock may be one step behind or ahead of ours.
TOLERANCE: Final = 1
CODES: Final = 10
_SECRET_BYTES: Final = 20
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that looks like something else
_CODE_LENGTH: Final = 12
# Longer than this nobody waits; a quarter of an hour is what wrong passwords cost.
_LONGEST_WAIT: Final = timedelta(minutes=15)


class CodeRefused(InvalidInput):
    """The code is not one that is good now."""

    code = "second_factor_invalid"


class CodeThrottled(TooMany):
    """Too many wrong codes in a row."""

    code = "second_factor_throttled"


class EnrolmentRequired(NotAllowed):
    """A second factor is demanded of this person here, and they have none."""

    code = "second_factor_enrolment_required"


class Demanded(Conflict):
    """A second factor that is demanded can be replaced, but not taken off."""

    code = "second_factor_demanded"


def is_enrolled(user: User) -> bool:
    """Tell whether a code is asked of this person when they sign in."""
    return find(user) is not None


def is_asked(user: User) -> bool:
    """Tell as `is_enrolled`; who enrols at this moment waits until the transaction ends.

    So a sign-in without a code is there when enrolling ends all of them, or sees that it did.
    """
    standing.keep([standing.of_user(user.pk)])
    return is_enrolled(user)


def find(user: User) -> Authenticator | None:
    """Return the person's authenticator."""
    return _find(user, confirmed=True)


def find_pending(user: User) -> Authenticator | None:
    """Return the authenticator that waits for its first code."""
    return _find(user, confirmed=False)


def count_codes(user: User) -> int:
    """Return how many recovery codes are left."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def is_owed(user: User, business: Business | None) -> bool:
    """Tell whether this person must enrol before they do anything here."""
    if user.is_platform_admin and settings.PLATFORM_ADMINS_NEED_SECOND_FACTOR:
        return not is_enrolled(user)
    return business is not None and _demands(business) and not is_enrolled(user)


def require_enrolled(caller: Access) -> None:
    """Raise `EnrolmentRequired` while the caller owes a second factor here."""
    if caller.user is not None and is_owed(caller.user, caller.business):
        raise EnrolmentRequired(
            "A second factor is demanded here: sign in to the admin and set it up."
        )


def is_demanded(user: User) -> bool:
    """Tell whether any place this person works in demands a second factor."""
    if user.is_platform_admin and settings.PLATFORM_ADMINS_NEED_SECOND_FACTOR:
        return True
    with tenancy.across(Door.SIGN_IN):
        rows = SecurityPolicy.across_businesses.filter(needs_second_factor=True)
        return bool(rows.filter(business__memberships__user=user).exists())


@transaction.atomic
def begin(*, user: User, now: datetime) -> Authenticator:
    """Make a new secret, which opens nothing until `confirm` has seen a code of it."""
    _lock(user)
    Authenticator.objects.filter(user=user, confirmed=False).delete()
    key = b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    made: Authenticator = Authenticator.objects.create(
        user=user, name="Authenticator app", confirmed=False, key=key, created_at=now
    )
    return made


def give_up(*, user: User) -> None:
    """Drop a new secret that was never taken into use."""
    Authenticator.objects.filter(user=user, confirmed=False).delete()


def confirm(*, user: User, code: str, keep: UUID | None, now: datetime) -> list[str]:
    """Take the new authenticator into use; return recovery codes, which are shown this once.

    One that was in use before is replaced. Every sign-in but `keep` ends. Raises `CodeRefused`,
    `CodeThrottled`, or `NotFound` when none waits.
    """
    with transaction.atomic():
        standing.change([standing.of_user(user.pk)])
        _lock(user)
        pending = Authenticator.objects.select_for_update().filter(user=user, confirmed=False)
        device = pending.first()
        if device is None:
            raise NotFound("Begin again: no authenticator waits for its first code.")
        refusal = _take(device, code, now)
        if refusal is None:
            return _put_into_use(device, keep=keep, now=now)
    raise refusal


def verify(*, user: User, code: str, now: datetime) -> None:
    """Take a code of the app, or one for recovery; each is good once.

    Raises `CodeRefused` or `CodeThrottled`.
    """
    with transaction.atomic():
        device = Authenticator.objects.select_for_update().filter(user=user, confirmed=True).first()
        if device is None:
            raise CodeRefused("There is no second factor to check.", attr="otp")
        refusal = _take(device, code, now)
    if refusal is not None:
        raise refusal


@transaction.atomic
def renew_codes(*, user: User, now: datetime) -> list[str]:
    """Replace the recovery codes; return the new ones, which are shown this once.

    Raises `NotFound` for who has no second factor.
    """
    _lock(user)
    device = find(user)
    if device is None:
        raise NotFound("There is no second factor to have codes for.")
    codes = _write_codes(device, now)
    _announce(user, "codes_renewed", None)
    return codes


@transaction.atomic
def take_off(*, user: User, now: datetime) -> None:
    """Sign in with the password alone from now on. Raises `Demanded`."""
    if is_demanded(user):
        raise Demanded("A second factor is demanded of you: set up another one instead.")
    _delete(user)
    _announce(user, "taken_off", None)


@transaction.atomic
def reset(*, membership: Membership, by: Access, now: datetime) -> None:
    """Take a lost second factor off a member, who is signed out everywhere.

    Only by somebody who holds all that the member holds; of somebody who works in other
    businesses too only by a platform admin, who answers for them all.
    """
    user = membership.user
    if by.user is not None and by.user.pk == user.pk:
        raise NotAllowed("Nobody resets their own second factor.", code="own_second_factor")
    held = holdings.of_membership(membership).permissions
    grants.require_within(held, held=by.permissions)
    if not by.is_platform_admin and (user.is_platform_admin or _works_elsewhere(membership)):
        raise NotAllowed(
            "They work in other businesses too: a platform admin resets it.",
            code="beyond_own_permissions",
        )
    reset_any(user=user, by=by, now=now)


@transaction.atomic
def reset_any(*, user: User, by: Access, now: datetime) -> None:
    """Take a lost second factor off anybody: for platform admins. Raises `NotFound`."""
    standing.change([standing.of_user(user.pk)])
    if not is_enrolled(user) and find_pending(user) is None:
        raise NotFound("They have no second factor.")
    _delete(user)
    sign_ins.end_all(user, now=now, reason="second_factor_reset", by=by)
    _announce(user, "reset", by)


def address_of(device: Authenticator) -> str:
    """Return what a QR code tells the app."""
    label = quote(f"{ISSUER}:{device.user.email}")
    facts = {"secret": device.key, "issuer": ISSUER, "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{label}?{urlencode(facts)}"


def code_at(key: str, now: datetime) -> str:
    """Return the code an app with this secret shows at this moment."""
    return f"{_totp(key, now).token():0{DIGITS}d}"


def _lock(user: User) -> None:
    """Take the person's row; its key stays free for rows that refer to it."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _find(user: User, *, confirmed: bool) -> Authenticator | None:
    found: Authenticator | None = Authenticator.objects.filter(
        user=user, confirmed=confirmed
    ).first()
    return found


def _demands(business: Business) -> bool:
    try:
        return bool(business.security_policy.needs_second_factor)
    except ObjectDoesNotExist:
        return False


def _totp(key: str, now: datetime) -> TOTP:
    found = TOTP(b32decode(key), STEP_SECONDS, 0, DIGITS, 0)
    found.time = now.timestamp()
    return found


def _take(device: Authenticator, code: str, now: datetime) -> CodeRefused | CodeThrottled | None:
    """Use a code up under the device's lock; return why not, with the attempt counted."""
    wait = _wait(device, now)
    if wait > 0:
        return CodeThrottled(
            "Too many wrong codes. Wait a moment, then try a new one.",
            retry_after_seconds=ceil(wait),
        )
    given = "".join(code.split()).replace("-", "").upper()
    if _is_shown(device, given, now) or _is_recovery(device, given, now):
        device.throttling_failure_count, device.throttling_failure_timestamp = 0, None
        device.last_used_at = now
        device.save()
        return None
    device.throttling_failure_count += 1
    device.throttling_failure_timestamp = now
    device.save()
    return CodeRefused("This code is not good, or was used before.", attr="otp")


def _wait(device: Authenticator, now: datetime) -> float:
    """Return the seconds until the next try: twice as long after every failure."""
    failures: int = device.throttling_failure_count
    since: datetime | None = device.throttling_failure_timestamp
    if not failures or since is None:
        return 0
    pause = device.get_throttle_factor() * 2 ** min(failures - 1, 20)
    until = since + min(timedelta(seconds=pause), _LONGEST_WAIT)
    return (until - now).total_seconds()


def _is_shown(device: Authenticator, given: str, now: datetime) -> bool:
    if len(given) != DIGITS or not (given.isascii() and given.isdecimal()):
        return False
    totp = _totp(device.key, now)
    if not totp.verify(int(given), TOLERANCE, device.last_t + 1):
        return False
    device.last_t = totp.t()
    return True


def _is_recovery(device: Authenticator, given: str, now: datetime) -> bool:
    if not device.confirmed or len(given) != _CODE_LENGTH:
        return False
    digest = _digest(device, given)
    rows = RecoveryCode.objects.filter(user_id=device.user_id, used_at=None, digest=digest)
    if not rows.update(used_at=now):
        return False
    _announce(device.user, "recovery_code_used", None)
    return True


def _put_into_use(device: Authenticator, *, keep: UUID | None, now: datetime) -> list[str]:
    user = device.user
    replaced, _ = Authenticator.objects.filter(user=user, confirmed=True).delete()
    device.confirmed, device.confirmed_at = True, now
    device.save()
    codes = _write_codes(device, now)
    sign_ins.end_all(user, now=now, reason="second_factor", keep=keep)
    _announce(user, "replaced" if replaced else "enrolled", None)
    return codes


def _write_codes(device: Authenticator, now: datetime) -> list[str]:
    user = device.user
    RecoveryCode.objects.filter(user=user).delete()
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH)) for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(
        [RecoveryCode(user=user, digest=_digest(device, code), created_at=now) for code in codes]
    )
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]


def _digest(device: Authenticator, code: str) -> str:
    """Hash under the app's own secret: it is sealed, and outlives the key that seals it."""
    text = f"recovery\x1f{device.user_id}\x1f{code}"
    return hmac.new(device.key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _delete(user: User) -> None:
    Authenticator.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()


def _works_elsewhere(membership: Membership) -> bool:
    with tenancy.across(Door.SIGN_IN):
        others = Membership.objects.filter(user_id=membership.user_id)
        return others.exclude(business_id=membership.business_id).exists()


def _announce(user: User, change: str, by: Access | None) -> None:
    fact = SecondFactorChanged(user_id=user.pk, change=change, by=by)
    second_factor_changed.send(sender=User, fact=fact)
