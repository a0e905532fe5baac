"""Records who looked at people's data, who took files away, and where a key is used from.

What a view shows is told by the name of its address (`READS` and `DOWNLOADS` in the settings).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch

from accounts import access, tenancy
from accounts.access import Access
from compliance import audit
from compliance.audit import reads
from config.lib import addresses, context

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class ReadsMiddleware:
    """Make an entry for what an answer showed, before the answer leaves."""

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
        response: HttpResponseBase = self.get_response(request)  # type: ignore[assignment]  # sync
        record(request, response)
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]  # async
        if _is_worth_it(request, response):
            await sync_to_async(record)(request, response)
        return response


def record(request: HttpRequest, response: HttpResponseBase) -> None:
    """Record what the address of the request stands for, and the key that was used."""
    caller, match = access.of(request), request.resolver_match
    if caller is None or match is None or not _is_worth_it(request, response):
        return
    with tenancy.scope(caller.business) if caller.business else nullcontext():
        if caller.api_key:
            _record_key(caller)
        if _shows(match.view_name, request, response):
            _record_view(match, caller)


def _is_worth_it(request: HttpRequest, response: HttpResponseBase) -> bool:
    caller, match = access.of(request), request.resolver_match
    if caller is None or match is None:
        return False
    return bool(caller.api_key) or _shows(match.view_name, request, response)


def _shows(name: str, request: HttpRequest, response: HttpResponseBase) -> bool:
    is_known = name in settings.READS or name in settings.DOWNLOADS
    return is_known and request.method in ("GET", "POST") and response.status_code == 200


def _record_view(match: ResolverMatch, caller: Access) -> None:
    name = match.view_name
    action, resource, part = settings.READS.get(name) or settings.DOWNLOADS[name]
    id_ = str(match.kwargs.get(part, "")) if part else ""
    id_ = addresses.mask(id_) if part == "phone_number" else id_
    if name in settings.READS:
        reads.note(action=action, resource=resource, resource_id=id_, access=caller)
    else:
        audit.record(action=action, resource=resource, resource_id=id_, access=caller)


def _record_key(caller: Access) -> None:
    """Record the first use of a key in an hour from an address."""
    id_ = str(caller.api_key and caller.api_key.pk)
    with reads.once("api_key.used", id_, context.address()) as is_first:
        if is_first:
            audit.record(action="api_key.used", resource="api_key", resource_id=id_, access=caller)
