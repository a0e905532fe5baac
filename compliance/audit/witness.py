"""Ids of entries that no stored checkpoint covers yet, remembered outside the database.

Until a checkpoint covers an entry, whoever owns the database can take it out with all that refers
to it. So every entry is noted in Redis once it is committed, and let go once it is covered. What is
noted and nowhere in the database was taken out.

A Redis that is down or was emptied costs this and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from redis.exceptions import RedisError

from compliance.audit import chain
from compliance.audit.chain import Head
from compliance.audit.models import AuditEntry, AuditLink, AuditPending
from config.lib import redis

logger = structlog.get_logger(__name__)

PAGE: Final = 1000
# While heads cannot be stored for long, Redis is not to fill up with what is sealed already.
MOST: Final = 100_000
_BETWEEN: Final = "/"


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of noted entries of one chain: `covered` need no witness, `lost` are gone."""

    covered: frozenset[UUID]
    lost: frozenset[UUID]


def note(entry: AuditEntry) -> None:
    """Remember an entry once it is committed."""
    transaction.on_commit(partial(_add, entry.business_id, entry.pk))


def noted() -> Iterator[tuple[UUID | None, set[UUID]]]:
    """Yield the ids that are remembered, some hundred of one chain at a time."""
    cursor = 0
    while True:
        cursor, page = redis.client().sscan(_key(), cursor=cursor, count=PAGE)
        yield from _by_chain([str(one) for one in page]).items()
        if not cursor:
            return


def is_full() -> bool:
    """Say whether more is remembered than there should ever be."""
    return int(redis.client().scard(_key())) > MOST


def look(business_id: UUID | None, ids: Collection[UUID], *, signed: Head) -> Looked:
    """Look what became of these entries, now that this head is signed."""
    with chain.sight(business_id):
        links = AuditLink.objects.filter(entry_id__in=ids)
        places = dict(links.values_list("entry_id", "position"))
        there = set(AuditEntry.objects.filter(pk__in=ids).values_list("pk", flat=True))
        there |= set(AuditPending.objects.filter(pk__in=ids).values_list("pk", flat=True))
    covered = {id_ for id_, position in places.items() if position <= signed.position}
    return Looked(frozenset(covered), frozenset(ids) - there - places.keys())


def let_go(business_id: UUID | None, ids: Collection[UUID]) -> None:
    """Remember these entries no longer."""
    if ids:
        redis.client().srem(_key(), *(_member(business_id, id_) for id_ in ids))


def _add(business_id: UUID | None, entry_id: UUID) -> None:
    try:
        redis.client().sadd(_key(), _member(business_id, entry_id))
    except RedisError:
        logger.warning("audit_entry_not_witnessed", entry=str(entry_id))


def _by_chain(members: Collection[str]) -> Mapping[UUID | None, set[UUID]]:
    found: dict[UUID | None, set[UUID]] = {}
    for member in members:
        business, _, entry = member.partition(_BETWEEN)
        found.setdefault(UUID(business) if business else None, set()).add(UUID(entry))
    return found


def _member(business_id: UUID | None, entry_id: UUID) -> str:
    return f"{business_id or ''}{_BETWEEN}{entry_id}"


def _key() -> str:
    return redis.key("audit-witness")
