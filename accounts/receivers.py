"""What accounts does about Django's facts: sign-ins to the admin are announced as the API's are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest
from django.utils import timezone

from accounts import lockout, sign_ins, tokens
from accounts.models import SignIn, User
from accounts.signals import SignedIn, SignInFailed, sign_in_failed, signed_in

API_PATH = "/api/"


def connect() -> None:
    """Listen to Django's sign-in signals."""
    user_logged_in.connect(announce_sign_in, dispatch_uid="accounts.announce_sign_in")
    user_logged_out.connect(end_sign_in, dispatch_uid="accounts.end_sign_in")
    user_login_failed.connect(announce_failure, dispatch_uid="accounts.announce_failure")


def announce_sign_in(user: User, request: HttpRequest | None = None, **_: Any) -> None:
    """Announce a sign-in by a page."""
    if request is not None and _is_page(request):
        note_sign_in(user, request)
        signed_in.send(sender=User, fact=SignedIn(user_id=user.pk, door="admin"))


def note_sign_in(user: User, request: HttpRequest) -> None:
    """Remember where the new session is used."""
    row = sign_ins.start(
        user,
        door=SignIn.Door.ADMIN,
        now=timezone.now(),
        address=lockout.address(request),
        agent=request.headers.get("User-Agent", ""),
        id_=None,
    )
    request.session[sign_ins.SESSION_KEY] = str(row.pk)


def end_sign_in(request: HttpRequest | None, **_: Any) -> None:
    """Note that the session of a page has ended."""
    known = request.session.get(sign_ins.SESSION_KEY) if request is not None else None
    found = SignIn.objects.filter(pk=known, ended_at=None).first() if known else None
    if found is not None:
        sign_ins.end(found, by=None, now=timezone.now(), reason="log_out")


def announce_failure(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Announce a refused sign-in by a page."""
    if not _is_page(request):
        return
    user = User.objects.find(str(credentials.get("username", ""))[:254])
    is_code = sender is tokens.SecondFactorInvalid
    code = tokens.SecondFactorInvalid.code if is_code else tokens.SignInRefused.code
    fact = SignInFailed(user_id=user.pk if user else None, door="admin", code=code)
    sign_in_failed.send(sender=User, fact=fact)


def _is_page(request: HttpRequest | None) -> bool:
    return request is not None and not request.path.startswith(API_PATH)
