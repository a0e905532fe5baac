"""The business in scope, and models that refuse to be read outside one.

A request, a job or a webhook opens `scope(business)`; every query of a `TenantModel` through
`objects` is then limited to it and raises `NoBusinessInScope` outside. Work that crosses
businesses says so twice: it opens `across(Door...)` and reads `Model.across_businesses`.
The database holds to the same by itself: its policies show a statement the rows of the business
in scope, through a door everyone's, and otherwise none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from django.db import models

from config.lib.postgres import doors, sight

if TYPE_CHECKING:
    from accounts.models import Business

M = TypeVar("M", bound=models.Model)


class Door(StrEnum):
    """The reasons for which work may cross businesses; there is no other way to do it."""

    SIGN_IN = "sign_in"  # who is asking, and for which business
    ROUTING = "routing"  # whose number or account a webhook is about
    SWEEP = "sweep"  # periodic work over what is due, whoever owns it
    PLATFORM = "platform"  # a platform admin looks at the whole installation
    METRICS = "metrics"  # totals without anybody's data
    BACKUP = "backup"  # dump, restore, verify
    COMMAND = "command"  # an operator at the machine's shell
    AUDIT = "audit"  # entries of the trail that belong to no business


_business_id: ContextVar[UUID | None] = ContextVar("business_id", default=None)
_door: ContextVar[Door | None] = ContextVar("door", default=None)


class NoBusinessInScope(RuntimeError):
    """Raise when tenant data is asked for and no business is in scope."""


def current_id() -> UUID:
    """Return the id of the business in scope; raise `NoBusinessInScope` outside."""
    business_id = _business_id.get()
    if business_id is None:
        raise NoBusinessInScope("no business is in scope")
    return business_id


def find_current_id() -> UUID | None:
    """Return the id of the business in scope, or None outside."""
    return _business_id.get()


def find_door() -> Door | None:
    """Return why the work under way may cross businesses, or None when it may not."""
    return None if _business_id.get() else _door.get()


def _sight() -> UUID | str:
    business_id = _business_id.get()
    if business_id is not None:
        return business_id
    return sight.ALL if _door.get() else sight.NOBODY


@contextmanager
def scope(business: Business | UUID) -> Iterator[None]:
    """Limit tenant queries to this business while the block runs."""
    token = _business_id.set(business if isinstance(business, UUID) else business.pk)
    try:
        yield
    finally:
        _business_id.reset(token)


@contextmanager
def no_scope() -> Iterator[None]:
    """Start a request or job with no business in scope, and leave none behind."""
    token, door = _business_id.set(None), _door.set(None)
    try:
        yield
    finally:
        _door.reset(door)
        _business_id.reset(token)


sight.provided_by(_sight, afresh=no_scope)


@contextmanager
def across(door: Door) -> Iterator[None]:
    """Let the block read and write rows of every business, for the reason named.

    A `scope` opened inside limits what stands in it to one business again. Each opening is counted.
    """
    doors.note(door, now=monotonic())
    token, scoped = _door.set(door), _business_id.set(None)
    try:
        yield
    finally:
        _business_id.reset(scoped)
        _door.reset(token)


def enter(business: Business | UUID) -> None:
    """Put this business in scope until the enclosing `scope` or `no_scope` ends."""
    _business_id.set(business if isinstance(business, UUID) else business.pk)


class TenantManager(models.Manager[M]):
    """Give only rows of the business in scope."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(business_id=current_id())

    def none(self) -> models.QuerySet[M]:
        """Return no rows; asking for nothing needs no business."""
        return super().get_queryset().none()


class TenantModel(models.Model):
    """A row that belongs to one business.

    `objects` sees the business in scope; `across_businesses` sees all and is for sweeps and for
    following foreign keys.
    """

    # No index of its own: every tenant table has one that starts with the business.
    business = models.ForeignKey(
        "accounts.Business",
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
        db_index=False,
    )

    across_businesses: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[models.Manager[Any]] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "across_businesses"
        default_manager_name = "objects"
