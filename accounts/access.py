"""Who is asking, for which business, and with which rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from accounts import objects
from accounts.models import ApiKey, Business, User

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Access:
    """The caller of a request: a user or an API key, inside one business.

    `user` is None for an API key. `business` is None only on routes that need none; no
    permission is held there, except by a platform admin. `permissions` are held for the whole
    business, `objects` (permission, kind of object, ids) for some objects of it. `sign_in` names
    the session or family of tokens the caller came with; `owes_second_factor` that they may set one
    up and do nothing else.
    """

    user: User | None
    api_key: ApiKey | None
    business: Business | None
    permissions: frozenset[str]
    objects: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    sign_in: UUID | None = None
    owes_second_factor: bool = False

    def allows(self, permission: str, obj: object = None) -> bool:
        """Tell whether the caller holds the permission, for this object when one is given."""
        owner_id = getattr(obj, "business_id", None)
        if owner_id is not None and (self.business is None or owner_id != self.business.pk):
            return False
        return permission in self.permissions or self._reaches(permission, obj)

    def allows_some(self, permission: str) -> bool:
        """Tell whether the caller holds the permission for the business or any object of it."""
        return permission in self.permissions or permission in self.objects

    def limit(self, permission: str, rows: QuerySet[M]) -> QuerySet[M]:
        """Return those of the rows the caller holds the permission for."""
        if permission in self.permissions:
            return rows
        wanted = Q(pk__in=())
        for name, ids in self.objects.get(permission, {}).items():
            kind = objects.find_kind(name)
            if kind is not None and (key := kind.key_in(rows.model)):
                wanted |= Q(**{f"{key}__in": sorted(ids)})
        return rows.filter(wanted)

    @property
    def person(self) -> User | None:
        """Return who answers for what is done: the user, or whoever made the key."""
        return self.api_key.created_by if self.api_key else self.user

    @property
    def actor_id(self) -> str:
        """Return a stable name of the caller for keys and logs: `user:7` or `key:<id>`."""
        return f"key:{self.api_key.pk}" if self.api_key else f"user:{self.user and self.user.pk}"

    @property
    def actor_name(self) -> str:
        """Return the caller's name for the audit trail."""
        return f"API key {self.api_key.name}" if self.api_key else str(self.user or "")

    @property
    def is_platform_admin(self) -> bool:
        return self.user is not None and self.user.is_platform_admin

    def _reaches(self, permission: str, obj: object) -> bool:
        for name, ids in self.objects.get(permission, {}).items():
            kind = objects.find_kind(name)
            key = kind.key_in(type(obj)) if kind and isinstance(obj, Model) else None
            if key and str(getattr(obj, key)) in ids:
                return True
        return False


_current: ContextVar[Access | None] = ContextVar("access", default=None)


def current() -> Access | None:
    """Return the caller of the request under way, for the audit trail; None in workers."""
    return _current.get()


@contextmanager
def nobody() -> Iterator[None]:
    """Start a request without a caller, and leave none behind."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def attach(request: HttpRequest, access: Access | None) -> None:
    """Set `request.access` and `request.business`, and who acts while the request runs."""
    _current.set(access)
    request.access = access  # type: ignore[attr-defined]  # ours, read through `of`
    request.business = access.business if access else None  # type: ignore[attr-defined]  # same


def of(request: HttpRequest) -> Access | None:
    """Return the caller of this request, or None when nobody has signed in."""
    found: Access | None = getattr(request, "access", None)
    return found
