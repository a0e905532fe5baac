"""Who is asking, as REST framework wants to know it; enters the business of the request.

A view that needs no business (sign-in, "who am I", the list of businesses) says
`needs_business = False`; one named in the header is entered all the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework import authentication
from rest_framework.authentication import (
    BaseAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import (
    access,
    api_keys,
    business_choice,
    lockout,
    roles,
    second_factor,
    sign_ins,
    tenancy,
    tokens,
)
from accounts.access import Access
from accounts.models import ApiKey, User
from accounts.tenancy import Door
from config.lib.errors import ProjectError

BEARER: Final = "Bearer"
API_KEY: Final = "Api-Key"


class JWTAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        """Return the user of the token, inside a business; None without a bearer token."""
        token = credentials_of(request, BEARER)
        if token is None:
            return None
        try:
            sign_in = tokens.sign_in_of(token)
        except tokens.TokenRefused as error:
            raise refused(error) from error
        sign_ins.note_seen(sign_in, now=timezone.now(), address=_address(request))
        found = access_of_user(request, sign_in.user)
        enter(request, replace(found, sign_in=sign_in.pk))
        return sign_in.user, token

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return f'{BEARER} realm="api"'


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <key>`: a machine, in the business its key belongs to."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        """Return no user and the key; `request.access` says what the key may do."""
        secret = credentials_of(request, API_KEY)
        if secret is None:
            return None
        try:
            key = api_keys.verify(secret=secret, now=timezone.now(), address=_address(request))
            with tenancy.across(Door.SIGN_IN):
                permissions = api_keys.rights_of(key)
        except api_keys.KeyRefused as error:
            raise refused(error) from error
        named = business_name(request)
        if named and business_choice.parse_id(named) != key.business_id:
            raise business_choice.unknown()
        enter(request, Access(None, key, key.business, permissions))
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return f'{API_KEY} realm="api"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The admin's session (with its CSRF check), in the business chosen there."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the user of the session; None without one."""
        found = super().authenticate(request)
        if found is None or not isinstance(found[0], User):
            return None
        user, session = found[0], request._request.session
        sign_in = sign_ins.of_session(session, user, now=timezone.now(), address=_address(request))
        if sign_in is None:
            return None
        chosen = None
        if not business_name(request):
            chosen = business_choice.of_session(user, session)
        if chosen is None or chosen.business is None:
            chosen = access_of_user(request, user)
        enter(request, replace(chosen, sign_in=sign_in.pk))
        return user, None


def access_of_user(request: Request, user: User) -> Access:
    """Return the user's access to the business named, else to the only one they have.

    Raises `InvalidInput` (business_required), `NotFound` or `NotAllowed`. Where the view needs
    no business and none is named, the access has none.
    """
    named = business_name(request)
    if named:
        return business_choice.named(user, named)
    if needs_business(request):
        return business_choice.only(user)
    held = roles.ALL_PERMISSIONS if user.is_platform_admin else frozenset[str]()
    return Access(user, None, None, held)


def enter(request: Request, caller: Access) -> None:
    """Put the caller on the request and their business in scope, unless it is suspended."""
    if needs_business(request):
        business_choice.require_active(caller)
    second_factor.require_enrolled(caller)
    access.attach(request._request, caller)
    if caller.business is not None:
        tenancy.enter(caller.business)


def needs_business(request: Request) -> bool:
    """Tell whether the view acts inside a business; it does unless it says otherwise."""
    view = (request.parser_context or {}).get("view")
    return bool(getattr(view, "needs_business", True))


def business_name(request: Request) -> str:
    """Return the business id the caller names, empty when they name none."""
    return request.headers.get(business_choice.HEADER, "").strip()


def credentials_of(request: Request, scheme: str) -> str | None:
    """Return what follows `scheme` in the Authorization header; None for another scheme."""
    kind, _, rest = get_authorization_header(request).decode("latin-1").strip().partition(" ")
    return rest.strip() if kind.lower() == scheme.lower() else None


def _address(request: Request) -> str:
    """Return the address the request came from, behind the proxies we trust."""
    return lockout.address(request._request)


def refused(error: ProjectError) -> AuthenticationFailed:
    """Return the refusal as a 401 that names how to sign in."""
    return AuthenticationFailed(error.detail, code=error.code)
