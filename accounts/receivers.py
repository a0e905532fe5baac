"""What accounts does about Django's facts: sign-ins to the admin are announced as the API's are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import user_logged_in, user_login_failed
from django.http import HttpRequest

from accounts.models import User
from accounts.signals import SignedIn, SignInFailed, sign_in_failed, signed_in

API_PATH = "/api/"


def connect() -> None:
    """Listen to Django's sign-in signals."""
    user_logged_in.connect(announce_sign_in, dispatch_uid="accounts.announce_sign_in")
    user_login_failed.connect(announce_failure, dispatch_uid="accounts.announce_failure")


def announce_sign_in(user: User, request: HttpRequest | None = None, **_: Any) -> None:
    """Announce a sign-in by a page."""
    if _is_page(request):
        signed_in.send(sender=User, fact=SignedIn(user_id=user.pk, door="admin"))


def announce_failure(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Announce a refused sign-in by a page."""
    if not _is_page(request):
        return
    email = str(credentials.get("username", ""))[:254]
    user_id = User.objects.filter(email__iexact=email).values_list("pk", flat=True).first()
    fact = SignInFailed(user_id=user_id, door="admin", code="invalid_credentials")
    sign_in_failed.send(sender=User, fact=fact)


def _is_page(request: HttpRequest | None) -> bool:
    return request is not None and not request.path.startswith(API_PATH)
