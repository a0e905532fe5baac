"""The rights of a request that changes something hold until it is committed.

They are read when the request comes in, and once more here, under a lock that whoever takes a
right away has to wait for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from accounts import access, api_keys, business_choice, standing, tenancy, tokens
from accounts.access import Access
from accounts.models import SignIn, User
from accounts.tenancy import Door


def hold(request: HttpRequest) -> None:
    """Keep the caller's rights as they are until the transaction ends; read them anew.

    Raises `TokenRefused`, `KeyRefused`, `NotFound` or `NotAllowed` when they are gone meanwhile.
    """
    caller = access.of(request)
    if caller is None:
        return
    standing.keep(_names(caller))
    access.attach(request, _renewed(caller, timezone.now()))


def _names(caller: Access) -> list[str]:
    names = [standing.of_key(caller.api_key.pk)] if caller.api_key else []
    person = caller.api_key.created_by_id if caller.api_key else caller.user and caller.user.pk
    return [*names, standing.of_user(person)] if person else names


def _renewed(caller: Access, now: datetime) -> Access:
    if caller.api_key is not None:
        return _of_key(caller, now)
    if caller.sign_in is None:
        return caller
    user = _signed_in(caller.sign_in)
    if caller.business is None:
        held = caller.permissions if user.is_platform_admin else frozenset[str]()
        return replace(caller, user=user, permissions=held)
    found = business_choice.named(user, str(caller.business.pk))
    return replace(business_choice.require_active(found), sign_in=caller.sign_in)


def _signed_in(id_: UUID) -> User:
    row = SignIn.objects.select_related("user").filter(pk=id_, ended_at=None).first()
    if row is None or not row.user.is_active:
        raise tokens.TokenRefused("You were signed out.", code="token_revoked")
    return row.user


def _of_key(caller: Access, now: datetime) -> Access:
    with tenancy.across(Door.SIGN_IN):
        key = api_keys.get_live(caller.api_key.pk if caller.api_key else None, now=now)
        found = replace(
            caller, api_key=key, business=key.business, permissions=api_keys.rights_of(key)
        )
        return business_choice.require_active(found)
