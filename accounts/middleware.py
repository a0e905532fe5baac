"""Opens the business of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from uuid import UUID
from zoneinfo import ZoneInfo

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib import auth
from django.http import HttpRequest
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from accounts import access, business_choice, lockout, second_factor, sign_ins, tenancy
from accounts.access import Access
from accounts.models import User
from config.lib import context

API_PATH = "/api/"

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class BusinessMiddleware:
    """Give every request a clean scope, `request.access` and `request.business`.

    Pages (the admin) act in the business of the session and show times in its zone. API requests
    start with none: authentication enters it, and their times are UTC. A streamed answer is
    produced in the scope of its request. What the audit trail records meanwhile has the address
    the request came from.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._call_async(request)
        with tenancy.no_scope(), access.nobody(), _asked_by(request):
            enter_session_business(request)
            with timezone.override(_zone(request)):
                response = self.get_response(request)
            return _stream_in_scope(request, response)  # type: ignore[arg-type]  # sync here

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        with tenancy.no_scope(), access.nobody(), _asked_by(request):
            await sync_to_async(enter_session_business)(request)
            chosen = access.of(request)
            if chosen and chosen.business:
                tenancy.enter(chosen.business)
            with timezone.override(_zone(request)):
                response = await self.get_response(request)  # type: ignore[misc]  # async here
            return _stream_in_scope(request, response)


def enter_session_business(request: HttpRequest) -> None:
    """Enter the business of the session for a page; leave API requests without one."""
    access.attach(request, None)
    if request.path.startswith(API_PATH):
        return
    user = getattr(request, "user", None)
    if isinstance(user, User) and user.is_authenticated:
        access.attach(request, _access_of(request, user))
    chosen = access.of(request)
    if chosen and chosen.business:
        tenancy.enter(chosen.business)


def _asked_by(request: HttpRequest) -> AbstractContextManager[None]:
    return context.asked_by(lockout.address(request))


def _access_of(request: HttpRequest, user: User) -> Access | None:
    """Return the reader's access; sign them out when the session was ended from elsewhere."""
    sign_in = sign_ins.of_session(
        request.session,
        user,
        now=timezone.now(),
        address=lockout.address(request),
        agent=request.headers.get("User-Agent", ""),
    )
    if sign_in is None:
        auth.logout(request)
        return None
    found = business_choice.of_session(user, request.session)
    if found is None:
        return None
    if second_factor.is_owed(user, found.business):
        # They set it up before they do, or see, anything here.
        return Access(user, None, None, frozenset(), sign_in=sign_in.pk, owes_second_factor=True)
    return replace(found, sign_in=sign_in.pk)


def _zone(request: HttpRequest) -> ZoneInfo | None:
    chosen = access.of(request)
    return ZoneInfo(chosen.business.time_zone) if chosen and chosen.business else None


def _stream_in_scope(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    caller = access.of(request)
    if caller is None or caller.business is None:
        return response
    if isinstance(response, StreamingHttpResponse):
        id_ = caller.business.pk
        content = response.streaming_content
        response.streaming_content = (
            _scoped_async(aiter(content), id_)
            if isinstance(content, AsyncIterator)
            else _scoped(iter(content), id_)
        )
    return response


def _scoped(chunks: Iterator[bytes], business_id: UUID) -> Iterator[bytes]:
    while True:
        with tenancy.scope(business_id):
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


async def _scoped_async(chunks: AsyncIterator[bytes], business_id: UUID) -> AsyncIterator[bytes]:
    while True:
        with tenancy.scope(business_id):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk
