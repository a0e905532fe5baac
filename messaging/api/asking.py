"""What a request asks for, who asks it, and what Meta's refusals mean to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from accounts import access
from accounts.access import Access
from config.lib.errors import Conflict, NotAllowed, Unavailable
from messaging.meta import errors

M = TypeVar("M", bound=Model)


class MetaRefused(Conflict):
    """Meta refused what the request needs of it."""

    code = "meta_refused"


def valid(serializer: type[Any], request: Request) -> dict[str, Any]:
    """Return the body as this serializer reads it; raise its validation error."""
    return _checked(serializer(data=request.data, context={"request": request}))


def valid_query(serializer: type[Any], request: Request) -> dict[str, Any]:
    """Return the query parameters as this serializer reads them; raise its validation error."""
    given = request.query_params.dict()
    return _checked(serializer(data=given, context={"request": request}))


def caller_of(request: Request) -> Access:
    """Return who asks."""
    caller = access.of(request._request)
    if caller is None:
        raise NotAuthenticated
    return caller


def allowed(request: Request, permission: str, rows: QuerySet[M]) -> QuerySet[M]:
    """Return those of the rows the caller holds the permission for."""
    return caller_of(request).limit(permission, rows)


def require(request: Request, permission: str, obj: Model) -> None:
    """Raise `NotAllowed` unless the caller holds the permission for this row."""
    if not caller_of(request).allows(permission, obj):
        raise NotAllowed(
            f"This needs the permission {permission} for this {obj._meta.verbose_name}."
        )


@contextmanager
def meta_asked() -> Iterator[None]:
    """Answer 503 while Meta cannot be reached or asks for patience, 409 when it refuses."""
    try:
        yield
    except (errors.Rejected, errors.TokenInvalid) as error:
        detail = f"{error.title}. {error.info.advice}"
        raise MetaRefused(detail, extra={"meta_code": error.meta_code}) from error
    except errors.SendError as error:
        raise Unavailable("Meta does not answer; try again.", code="meta_unavailable") from error


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data
