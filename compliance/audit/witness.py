"""Ids of entries that no stored checkpoint covers yet, remembered outside the database.

Until a checkpoint covers an entry, whoever owns the database can take it out with all that refers
to it. So every entry is noted in Redis once it is committed, and let go once it is covered. What is
noted and nowhere in the database was taken out. What is noted carries a keyed hash: what another
installation on the same Redis noted, or somebody without the key, is left where it is.

A Redis that is down or was emptied costs this and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError

from compliance.audit import chain
from compliance.audit.chain import Head
from compliance.audit.models import AuditEntry, AuditLink, AuditPending
from config.lib import crypto, redis

logger = structlog.get_logger(__name__)

PAGE: Final = 1000
# While heads cannot be stored for long, Redis is not to fill up with what is sealed already.
MOST: Final = 100_000
_BETWEEN: Final = "/"
_PURPOSE: Final = "audit witness"


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
        # As bytes: a member of somebody else need be no text.
        cursor, page = redis.client().execute_command(  # type: ignore[no-untyped-call]  # not typed upstream
            "SSCAN", _key(), cursor, "COUNT", PAGE, NEVER_DECODE=True
        )
        yield from _by_chain([one.decode(errors="replace") for one in page]).items()
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
        members = [_signed(_named(business_id, id_), key) for id_ in ids for key in _keys()]
        redis.client().srem(_key(), *members)


def _add(business_id: UUID | None, entry_id: UUID) -> None:
    try:
        redis.client().sadd(_key(), _signed(_named(business_id, entry_id), _keys()[0]))
    except RedisError:
        logger.warning("audit_entry_not_witnessed", entry=str(entry_id))


def _by_chain(members: Collection[str]) -> Mapping[UUID | None, set[UUID]]:
    found: dict[UUID | None, set[UUID]] = {}
    for member in filter(_is_ours, members):
        business, entry, _ = member.split(_BETWEEN)
        found.setdefault(UUID(business) if business else None, set()).add(UUID(entry))
    return found


def _is_ours(member: str) -> bool:
    named = member.rpartition(_BETWEEN)[0]
    given = member.encode()
    return any(hmac.compare_digest(_signed(named, key).encode(), given) for key in _keys())


def _signed(named: str, key: bytes) -> str:
    keyed = hmac.new(key, named.encode(), hashlib.sha256).hexdigest()
    return f"{named}{_BETWEEN}{keyed}"


def _named(business_id: UUID | None, entry_id: UUID) -> str:
    return f"{business_id or ''}{_BETWEEN}{entry_id}"


def _keys() -> list[bytes]:
    return crypto.derived_keys(_PURPOSE, secrets=settings.AUDIT_SIGNING_KEYS)


def _key() -> str:
    return redis.key("audit-witness")
