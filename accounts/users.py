"""Accounts of people, as who runs the installation changes them. Announces `UserChanged`."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import standing, tokens
from accounts.access import Access
from accounts.models import User
from accounts.signals import UserChanged, user_changed
from config.lib.errors import Conflict, InvalidInput


class LastPlatformAdmin(Conflict):
    """Somebody must stay who can look after the installation."""

    code = "last_platform_admin"


@transaction.atomic
def create(*, email: str, name: str, password: str) -> User:
    """Open an account for somebody who proved that the address is theirs.

    Raises `InvalidInput` for a weak password.
    """
    name = " ".join(name.split())  # it stands in mails to others
    _require_strong(password, User(email=email, name=name))
    return User.objects.create_user(email, password, name=name)


@transaction.atomic
def disable(*, user: User, by: Access | None, now: datetime) -> None:
    """Let the user sign in no more; their tokens end at once."""
    standing.change([standing.of_user(user.pk)])
    _require_other_admin(user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    tokens.revoke_all(user, reason="disabled", now=now, by=by)
    _announce(user, "disabled", by)


@transaction.atomic
def enable(*, user: User, by: Access | None) -> None:
    """Let the user sign in again."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    _announce(user, "enabled", by)


@transaction.atomic
def set_password(*, user: User, password: str, by: Access | None, now: datetime) -> None:
    """Give the user a password; their tokens end at once. Raises `InvalidInput`."""
    _require_strong(password, user)
    user.set_password(password)
    standing.change([standing.of_user(user.pk)])
    user.save(update_fields=["password"])
    tokens.revoke_all(user, reason="password", now=now, by=by)
    _announce(user, "password", by)


@transaction.atomic
def set_platform_admin(*, user: User, is_admin: bool, by: Access | None, now: datetime) -> None:
    """Make someone a platform admin, or one no more: then they sign in anew. The last one stays."""
    standing.change([standing.of_user(user.pk)])
    if not is_admin:
        _require_other_admin(user)
    user.is_superuser = is_admin
    user.save(update_fields=["is_superuser"])
    if not is_admin:
        tokens.revoke_all(user, reason="demoted", now=now, by=by)
    _announce(user, "promoted" if is_admin else "demoted", by)


def _require_strong(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(
            " ".join(error.messages), code="weak_password", attr="password"
        ) from error


def _require_other_admin(user: User) -> None:
    admins = User.objects.select_for_update(no_key=True).filter(is_superuser=True, is_active=True)
    ids = list(admins.order_by("pk").values_list("pk", flat=True))
    if ids == [user.pk]:
        raise LastPlatformAdmin("This is the last platform admin.")


def _announce(user: User, change: str, by: Access | None) -> None:
    user_changed.send(sender=User, fact=UserChanged(user_id=user.pk, change=change, by=by))
