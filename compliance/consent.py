"""Who agreed to what: the ledger, the state derived from it, and the rule that gates a send.

An address is an address key: the canonical phone number or the Meta user id. `ledger` derives the
state.

The rule (`refusal_sql`) is SQL and stands here only: the gate, the launch of a campaign, `check`
and `state` all run it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from django.db import connection, transaction

from accounts import tenancy
from accounts.models import User
from compliance import ledger
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope
from compliance.privacy import suppression
from compliance.signals import ConsentWithdrawn, consent_withdrawn
from config.lib import context
from config.lib.errors import InvalidInput

OPTED_OUT: Final = "opted_out"
BLOCKED: Final = "blocked"
CONSENT_MISSING: Final = "consent_missing"

RefusalCode = Literal["opted_out", "blocked", "consent_missing"]

# Other clocks and ours may differ by this much; later instants count as now. A consent never
# counts later than now, so that none outranks an opt-out still to come.
CLOCK_SKEW: Final = timedelta(minutes=10)
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The business may write."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The business may not write; `code` is the 409 code of the API."""

    code: RefusalCode


Decision = Allowed | Refused


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands in one scope, over all their addresses.

    `status` is None when nothing was ever recorded; `refusal` says why a message in this scope
    would be refused now, None when it would not. `blocked_until` is set while a block works.
    """

    scope: Scope
    status: ConsentStatus | None
    changed_at: datetime | None
    refusal: RefusalCode | None
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """What one row of a file says about one person, or what an address they left said.

    `occurred_at` None: the file does not say when. Such an opt-in yields to any dated event, as
    does one that is not `is_dated`. `until` is for blocks alone.
    """

    addresses: Sequence[str]
    scopes: Sequence[Scope]
    status: ConsentStatus
    occurred_at: datetime | None = None
    wording: str = ""
    language: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    is_dated: bool = True
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a bulk write did. `still_opted_out`: opt-ins that lost to a standing opt-out."""

    events: int
    changed: int
    still_opted_out: frozenset[str]


@dataclass(frozen=True, slots=True)
class RefusalSql:
    """The rule as SQL: put `joins` after FROM, `code` among the columns or in a WHERE.

    `code` is NULL, 'opted_out', 'blocked' or 'consent_missing'. The joins go by unique key and
    never multiply rows.
    """

    joins: str
    code: str


def expand(scope: str) -> tuple[Scope, ...]:
    """Return the concrete scopes of a word of the API: "all" stands for the four."""
    if scope == "all":
        return tuple(Scope)
    try:
        return (Scope(scope),)
    except ValueError as error:
        raise InvalidInput("The scope is not known.", attr="scope") from error


def record(
    *,
    addresses: Sequence[str],
    scopes: Sequence[Scope],
    status: ConsentStatus,
    source: str,
    occurred_at: datetime,
    now: datetime,
    until: datetime | None = None,
    is_dated: bool = True,
    reason: str = "",
    wording: str = "",
    language: str = "",
    evidence: Mapping[str, Any] | None = None,
    ip_address: str | None = None,
    actor: User | None = None,
) -> list[ConsentEvent]:
    """Write one event per address and scope to the ledger and bring the state up to date.

    An event older than the state is kept and changes nothing. The same fact told twice is
    written once. Returns the new events. Holds the addresses' lock until the transaction ends.
    `until` is for blocks alone; see `blocks`.
    """
    events = [
        ledger.event(
            address=address,
            scope=scope,
            status=status,
            source=source,
            occurred_at=_credible(occurred_at, status, now),
            until=until,
            is_dated=is_dated,
            reason=reason,
            wording=wording,
            language=language,
            evidence=dict(evidence or {}),
            ip_address=ip_address or context.address() or None,
            actor=actor,
        )
        for address in _distinct(addresses)
        for scope in scopes
    ]
    with transaction.atomic():
        lock(addresses)
        if status == ConsentStatus.OPTED_IN:
            suppression.bring_back(addresses)
        written = ledger.write(events).event_ids
        new = [event for event in events if event.pk in written]
        _announce_withdrawn(new)
    return new


def record_many(
    rows: Iterable[ConsentRow],
    *,
    source: str,
    now: datetime,
    reason: str = "",
    actor: User | None = None,
) -> Recorded:
    """Write a page of an import (up to some thousand rows) in one statement.

    All rows are blocks or none. Locks the addresses that opt out, then states in the order of
    their addresses; keep one page to a transaction.
    """
    events = [
        ledger.event(
            address=address,
            scope=scope,
            status=row.status,
            source=source,
            occurred_at=_credible(row.occurred_at or now, row.status, now),
            until=row.until,
            is_dated=row.is_dated
            and (row.occurred_at is not None or row.status == ConsentStatus.OPTED_OUT),
            reason=reason,
            wording=row.wording,
            language=row.language,
            evidence=dict(row.evidence),
            ip_address=context.address() or None,
            actor=actor,
        )
        for row in rows
        for address in _distinct(row.addresses)
        for scope in row.scopes
    ]
    with transaction.atomic():
        lock([e.address for e in events if e.status == ConsentStatus.OPTED_OUT])
        suppression.bring_back([e.address for e in events if e.status == ConsentStatus.OPTED_IN])
        written = ledger.write(events)
        _announce_withdrawn([event for event in events if event.pk in written.event_ids])
        granted = [e for e in events if e.status == ConsentStatus.OPTED_IN]
        return Recorded(
            events=len(written.event_ids),
            changed=written.changed,
            still_opted_out=_opted_out_among(granted),
        )


def check(
    *,
    addresses: Sequence[str],
    scope: Scope,
    last_inbound_at: datetime | None = None,
    now: datetime | None = None,
) -> Decision:
    """Decide whether the business in scope may write to this person in this scope.

    `addresses` are all keys of the person: an opt-out at one of them covers all. A free-form
    message (scope service) needs no consent, and an opt-out ends for it when the person writes
    again (`last_inbound_at`). The service window is not looked at here. Blocks are judged at `now`,
    else by the database's clock.
    """
    refusal = _refusals(_distinct(addresses), [scope], last_inbound_at, now)[scope]
    return Refused(refusal) if refusal else Allowed()


def state(
    addresses: Sequence[str],
    *,
    scopes: Sequence[Scope] = tuple(Scope),
    last_inbound_at: datetime | None = None,
    now: datetime | None = None,
) -> dict[Scope, Standing]:
    """Return where a person stands in each scope, and why a message would be refused."""
    keys = _distinct(addresses)
    refusals = _refusals(keys, scopes, last_inbound_at, now)
    rows = list(Consent.objects.filter(address__in=keys, scope__in=scopes))
    deciding = {scope: _standing_of(row) for scope, row in _deciding(rows).items()}
    ends: dict[str, datetime] = {}
    for row in rows:
        if row.blocked_until and refusals[row.scope] == BLOCKED:
            ends[row.scope] = max(row.blocked_until, ends.get(row.scope, row.blocked_until))
    return {
        scope: Standing(
            scope=scope,
            status=deciding[scope][0] if scope in deciding else None,
            changed_at=deciding[scope][1] if scope in deciding else None,
            refusal=refusals[scope],
            blocked_until=ends.get(scope),
        )
        for scope in scopes
    }


def refusal_sql(
    *,
    business: str,
    addresses: Sequence[str],
    scope: str,
    last_inbound_at: str = "NULL::timestamptz",
    now: str = "now()",
    alias: str = "consent",
) -> RefusalSql:
    """Build the rule for a query over many people.

    Every argument is an SQL expression of the surrounding query, written by us and never by a
    user: `addresses` the contact's `phone_key` and `bsuid` (either may be NULL), `scope` the
    category of the message, a column or a literal such as `'marketing'`. For example

        rule = consent.refusal_sql(
            business="m.business_id",
            addresses=["c.phone_key", "c.bsuid"],
            scope="m.category",
            last_inbound_at="t.last_inbound_at",
        )
        f"SELECT m.id, {rule.code} FROM ... {rule.joins} WHERE ..."

    In any scope an opt-out at any address refuses. A template (marketing, utility,
    authentication) also needs an opt-in at one address. In scope service no opt-in is needed,
    and an opt-out older than the person's last message does not count; nor does such a block. A
    block ends by itself or with a later opt-in.
    """
    aliases = [f"{alias}_{number}" for number in range(len(addresses))]
    joins = " ".join(
        f"LEFT JOIN {ledger.CONSENT} {name} ON {name}.business_id = {business} "
        f"AND {name}.address = {address} AND {name}.scope = {scope}"
        for name, address in zip(aliases, addresses, strict=True)
    )
    is_sold = f"{scope} <> '{Scope.SERVICE.value}'"
    stopped = " OR ".join(
        f"({name}.status = '{ConsentStatus.OPTED_OUT.value}' AND ({is_sold} "
        f"OR COALESCE({last_inbound_at} <= {name}.changed_at, true)))"
        for name in aliases
    )
    blocked = " OR ".join(
        f"({name}.blocked_until > {now} AND ({is_sold} "
        f"OR COALESCE({last_inbound_at} <= {name}.blocked_at, true)) "
        f"AND ({name}.status = '{ConsentStatus.OPTED_IN.value}' AND {name}.is_dated "
        f"AND {name}.changed_at > {name}.blocked_at) IS NOT TRUE)"
        for name in aliases
    )
    agreed = " OR ".join(f"{name}.status = '{ConsentStatus.OPTED_IN.value}'" for name in aliases)
    code = (
        f"CASE WHEN {stopped or 'false'} THEN '{OPTED_OUT}' "
        f"WHEN {blocked or 'false'} THEN '{BLOCKED}' "
        f"WHEN {is_sold} AND ({agreed or 'false'}) IS NOT TRUE "
        f"THEN '{CONSENT_MISSING}' END"
    )
    return RefusalSql(joins=joins, code=code)


def lock(addresses: Sequence[str]) -> None:
    """Hold these addresses of the business in scope until the transaction ends.

    Serialises a decision with the write that follows it ("reply once"), and lets an opt-out wait
    for sends under way: the pump holds the same locks, shared, while a request may leave. In
    ascending order, so that two transactions of one call each cannot deadlock.
    """
    business_id = tenancy.current_id()
    names = [f"{business_id}:{key}" for key in sorted(_distinct(addresses))]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(name, 1)) "
            "FROM unnest(%s::text[]) AS names(name)",
            [names],
        )


def _announce_withdrawn(events: Sequence[ConsentEvent]) -> None:
    stopped = {event.address for event in events if event.status != ConsentStatus.OPTED_IN}
    if stopped:
        fact = ConsentWithdrawn(tenancy.current_id(), tuple(sorted(stopped)))
        consent_withdrawn.send(sender=ConsentWithdrawn, fact=fact)


def _credible(occurred_at: datetime, status: str, now: datetime) -> datetime:
    if occurred_at < EARLIEST:
        raise InvalidInput("The time of the consent is too long ago.", attr="occurred_at")
    latest = now if status == ConsentStatus.OPTED_IN else now + CLOCK_SKEW
    return occurred_at if occurred_at <= latest else now


def _distinct(addresses: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(address for address in addresses if address))


def _refusals(
    keys: Sequence[str],
    scopes: Sequence[Scope],
    last_inbound_at: datetime | None,
    now: datetime | None,
) -> dict[str, RefusalCode | None]:
    """Run the rule for one person in several scopes."""
    names = [f"address_{number}" for number in range(len(keys))]
    rule = refusal_sql(
        business="person.business_id",
        addresses=[f"person.{name}" for name in names],
        scope="scopes.scope",
        last_inbound_at="person.last_inbound_at",
        now="person.now",
    )
    columns = ", ".join(["business_id", "last_inbound_at", "now", *names])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT scopes.scope, {rule.code} "  # noqa: S608  # column names of ours
            "FROM (VALUES (%s::uuid, %s::timestamptz, COALESCE(%s::timestamptz, now())"
            f"{', %s::text' * len(keys)})) AS person({columns}) "
            f"CROSS JOIN unnest(%s::text[]) AS scopes(scope) {rule.joins}",
            [tenancy.current_id(), last_inbound_at, now, *keys, [scope.value for scope in scopes]],
        )
        return dict(cursor.fetchall())


def _opted_out_among(events: Sequence[ConsentEvent]) -> frozenset[str]:
    refused = Consent.objects.filter(
        address__in={event.address for event in events},
        scope__in={event.scope for event in events},
        status=ConsentStatus.OPTED_OUT,
    ).values_list("address", "scope")
    asked = {(event.address, event.scope) for event in events}
    return frozenset(address for address, scope in refused if (address, scope) in asked)


def _standing_of(row: Consent) -> tuple[ConsentStatus, datetime]:
    return ConsentStatus(row.status or ""), row.changed_at


def _deciding(rows: Iterable[Consent]) -> dict[str, Consent]:
    """Return per scope the row that decides: an opt-out before an opt-in, then the newest."""
    told = [row for row in rows if row.status is not None]
    ranked = sorted(told, key=lambda row: (row.status == ConsentStatus.OPTED_OUT, row.changed_at))
    return {row.scope: row for row in ranked}
