"""What a request asks for and who asks it."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from accounts import access
from accounts.access import Access


def valid(serializer: type[Any], request: Request) -> dict[str, Any]:
    """Return the body as this serializer reads it; raise its validation error."""
    checked = serializer(data=request.data, context={"request": request})
    checked.is_valid(raise_exception=True)
    data: dict[str, Any] = checked.validated_data
    return data


def caller_of(request: Request) -> Access:
    """Return who asks."""
    caller = access.of(request._request)
    if caller is None:
        raise NotAuthenticated
    return caller
