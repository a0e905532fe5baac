"""Ten thousand random histories through every door: the derived state is the replay's.

A batch is a hundred people with two addresses each, whose events come in any order, dated in any
order, by any door. What is expected is worked out twice: by a replay of the ledger as it was
written, and by a model that never looks at the database. Examples are seeds, so that a batch can
be large; the failing person and their history stand in the assertion.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts import tenancy
from accounts.models import Business
from compliance import blocks, consent, optout, persons
from compliance.consent import ConsentRow
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope

BATCHES: Final = 100
PEOPLE: Final = 100
NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
IN, OUT, BLOCKED = ConsentStatus.OPTED_IN, ConsentStatus.OPTED_OUT, ConsentStatus.BLOCKED
ALL: Final = tuple(Scope)
MARKETING: Final = (Scope.MARKETING,)
# Few instants, so that ties are common; one is in the future, and counts as now.
TIMES: Final = [NOW - timedelta(days=days) for days in (400, 30, 30, 9, 3, 1, 0)] + [
    NOW + timedelta(days=2)
]
STRICT: Final = {None: 0, consent.CONSENT_MISSING: 1, consent.BLOCKED: 2, consent.OPTED_OUT: 3}

Key = tuple[str, str]


@dataclass
class Model:
    """What the facts told so far add up to, worked out without the database."""

    said: dict[Key, tuple[bool, datetime, bool]] = field(default_factory=dict)
    blocks: dict[Key, tuple[datetime, datetime]] = field(default_factory=dict)

    def tell(
        self, addresses: Any, scopes: Any, status: Any, at: datetime, *, dated: bool = True
    ) -> None:
        at = min(at, NOW)
        for key in ((address, scope.value) for address in addresses for scope in scopes):
            rank = (dated, at, status == OUT)
            self.said[key] = max(rank, self.said.get(key, rank))

    def block(self, addresses: Any, scopes: Any, at: datetime, until: datetime) -> None:
        for key in ((address, scope.value) for address in addresses for scope in scopes):
            self.blocks[key] = max((at, until), self.blocks.get(key, (at, until)))

    def opted_out(self, addresses: Any) -> list[Scope]:
        return [
            scope
            for scope in Scope
            if any(self.said.get((one, scope.value), (0, 0, False))[2] for one in addresses)
        ]

    def refusal(self, addresses: Any, scope: Scope) -> str | None:
        keys = [(address, scope.value) for address in addresses]
        if any(self.said[key][2] for key in keys if key in self.said):
            return consent.OPTED_OUT
        if any(self._is_blocked(key) for key in keys):
            return consent.BLOCKED
        is_told = any(key in self.said for key in keys)
        return None if is_told or scope == Scope.SERVICE else consent.CONSENT_MISSING

    def _is_blocked(self, key: Key) -> bool:
        at, until = self.blocks.get(key, (NOW, NOW))
        dated, said_at, is_out = self.said.get(key, (False, NOW, False))
        is_lifted = key in self.said and dated and not is_out and said_at > at
        return until > NOW and not is_lifted


@dataclass
class Person:
    """Two addresses that belong together, one of which may be left for a third."""

    phone: str
    bsuid: str
    told: list[str] = field(default_factory=list)
    has_moved: bool = False

    @property
    def addresses(self) -> list[str]:
        return [self.phone, self.bsuid]


class Batch:
    """A hundred people, and the doors their events come through."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.model = Model()
        self.people = [Person(f"+346{n:08d}", f"ES.{n:012d}") for n in range(PEOPLE)]
        self.rows: list[ConsentRow] = []
        self.waiting: set[str] = set()
        self.moves: list[tuple[Person, dict[Scope, str | None], dict[Scope, str | None]]] = []

    def run(self) -> None:
        """Let everything happen, in any order."""
        happening = [one for one in self.people for _ in range(self.rng.choice((1, 2, 2, 3, 6)))]
        self.rng.shuffle(happening)
        doors, weights = zip(*self._doors(), strict=True)
        for person in happening:
            door = self.rng.choices(doors, weights)[0]
            # A page of a file is one statement; a person's own events keep their order.
            if door != self._file and person.phone in self.waiting:
                self._flush()
            person.told.append(door.__name__)
            door(person)
        self._flush()

    def _doors(self) -> list[tuple[Any, int]]:
        return [
            (self._file, 76),
            (self._operator, 6),
            (self._message, 8),
            (self._whatsapp, 4),
            (self._block, 4),
            (self._new_address, 2),
        ]

    def _some(self, person: Person) -> list[str]:
        return self.rng.choice(([person.phone], [person.bsuid], person.addresses))

    def _flush(self) -> None:
        if self.rows:
            consent.record_many(self.rows, source="import", now=NOW)
            self.rows = []
            self.waiting.clear()

    def _file(self, person: Person) -> None:
        """A row of a file: an import, with its date or without."""
        addresses, status = self._some(person), self.rng.choice((IN, IN, OUT))
        scopes = self.rng.choice((ALL, MARKETING))
        at = self.rng.choice((None, *TIMES))
        self.waiting.add(person.phone)
        self.rows.append(ConsentRow(addresses, scopes, status, at))
        self.model.tell(addresses, scopes, status, at or NOW, dated=bool(at) or status == OUT)

    def _operator(self, person: Person) -> None:
        """The routes and the pages."""
        addresses, status = self._some(person), self.rng.choice((IN, OUT))
        scopes = self.rng.choice((ALL, MARKETING, (Scope.UTILITY,)))
        at = self.rng.choice(TIMES)
        consent.record(
            addresses=addresses,
            scopes=scopes,
            status=status,
            source=self.rng.choice(("api", "admin")),
            occurred_at=at,
            now=NOW,
        )
        self.model.tell(addresses, scopes, status, at)

    def _message(self, person: Person) -> None:
        """Words of the person: text, button, or something else altogether."""
        text = self.rng.choice(("STOP", "baja!", "Stop promotions", "START", "stop by tomorrow"))
        at = self.rng.choice(TIMES)
        before = optout.restorable(person.addresses)
        optout.apply(
            addresses=person.addresses,
            text=text,
            language="es",
            occurred_at=at,
            now=NOW,
            business_words={},
        )
        if text in ("STOP", "baja!"):
            self.model.tell(person.addresses, ALL, OUT, at)
        elif text == "Stop promotions":
            self.model.tell(person.addresses, MARKETING, OUT, at)
        elif text == "START":
            self.model.tell(person.addresses, before, IN, at)

    def _whatsapp(self, person: Person) -> None:
        """Meta's marketing switch, and the refusal 131050."""
        addresses, at = self._some(person), self.rng.choice(TIMES)
        told: dict[str, Any] = {"addresses": addresses, "occurred_at": at, "now": NOW}
        if self.rng.random() < 0.6:
            optout.stop_marketing(source=self.rng.choice(("meta", "send_error")), **told)
            self.model.tell(addresses, MARKETING, OUT, at)
        else:
            is_objected = optout.is_objected(addresses, Scope.MARKETING)
            optout.resume_marketing(source="meta", **told)
            if not is_objected:
                self.model.tell(addresses, MARKETING, IN, at)

    def _block(self, person: Person) -> None:
        addresses, at = self._some(person), self.rng.choice(TIMES[:-1])
        scopes = self.rng.choice((ALL, MARKETING))
        told: dict[str, Any] = {"addresses": addresses, "scopes": scopes, "source": "api"}
        if self.rng.random() < 0.8:
            days = self.rng.choice((1, 30, 365))
            blocks.put(days=days, now=at, **told)
            self.model.block(addresses, scopes, at, at + timedelta(days=days))
        else:
            blocks.lift(now=at, **told)
            self.model.block(addresses, scopes, at, at)

    def _new_address(self, person: Person) -> None:
        """The person leaves a number or a user id; or two contacts prove to be one."""
        before, stands = person.addresses, self._refusals(person.addresses)
        if self.rng.random() < 0.5:
            person.phone = f"{person.phone}9"
        else:
            person.bsuid = f"{person.bsuid}N"
        persons.carry(before=before, kept=person.addresses, now=NOW)
        person.has_moved = True
        self.moves.append((person, stands, self._refusals(person.addresses)))

    def _refusals(self, addresses: list[str]) -> dict[Scope, str | None]:
        found = consent.state(addresses, now=NOW)
        return {scope: one.refusal for scope, one in found.items()}


def judged(people: list[Person]) -> dict[Key, str | None]:
    """Ask the rule of the gate about everybody at once."""
    rule = consent.refusal_sql(
        business="who.business",
        addresses=["who.phone", "who.bsuid"],
        scope="s.scope",
        now="%(now)s",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT who.phone, s.scope, {rule.code} FROM (SELECT %(business)s::uuid AS business, "  # noqa: S608  # fragments of ours
            "* FROM unnest(%(phones)s::text[], %(bsuids)s::text[]) AS t(phone, bsuid)) AS who "
            f"CROSS JOIN unnest(%(scopes)s::text[]) AS s(scope) {rule.joins}",
            {
                "business": tenancy.current_id(),
                "now": NOW,
                "phones": [one.phone for one in people],
                "bsuids": [one.bsuid for one in people],
                "scopes": Scope.values,
            },
        )
        return {(phone, scope): code for phone, scope, code in cursor.fetchall()}


def replayed() -> dict[Key, tuple[Any, ...]]:
    """Read the ledger anew, in no order, and add it up."""
    told: dict[Key, list[ConsentEvent]] = defaultdict(list)
    for event in ConsentEvent.objects.order_by("?"):
        told[event.address, event.scope].append(event)
    return {key: _added_up(events) for key, events in told.items()}


def _added_up(events: list[ConsentEvent]) -> tuple[Any, ...]:
    said = [one for one in events if one.status != BLOCKED]
    blocked = [one for one in events if one.status == BLOCKED]
    last = max(
        said,
        key=lambda one: (one.is_dated, one.occurred_at, one.status == OUT, one.pk),
        default=None,
    )
    ends = max(((one.occurred_at, one.until) for one in blocked), default=(None, None))
    state = (last.status, last.occurred_at, last.is_dated, last.pk) if last else (None,) * 4
    return (*state, *ends)


def stored() -> dict[Key, tuple[Any, ...]]:
    """Read the derived state."""
    found = {}
    for row in Consent.objects.all():
        is_said = row.status is not None
        state = (row.status, row.changed_at, row.is_dated, row.event_id) if is_said else (None,) * 4
        found[row.address, row.scope] = (*state, row.blocked_at, row.blocked_until)
    return found


def modelled(batch: Batch) -> dict[Key, tuple[Any, ...]]:
    """Return what the model expects of people who kept their addresses."""
    stayed = {key for one in batch.people if not one.has_moved for key in one.addresses}
    found = {}
    for key in {*batch.model.said, *batch.model.blocks}:
        if key[0] not in stayed:
            continue
        dated, at, is_out = batch.model.said.get(key, (None, None, None))
        status = None if dated is None else OUT.value if is_out else IN.value
        found[key] = (status, at, dated, *batch.model.blocks.get(key, (None, None)))
    return found


@given(seed=st.integers(0, 2**63))
@settings(
    max_examples=BATCHES,
    deadline=None,
    # A smaller seed is no simpler history.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_state_of_ten_thousand_histories_is_their_replay(business: Business, seed: int) -> None:
    with transaction.atomic():
        batch = Batch(seed)
        batch.run()
        held = stored()
        again = replayed()
        expected = modelled(batch)
        stays = {key: (*held[key][:3], *held[key][4:]) for key in expected if key in held}
        refusals = judged([one for one in batch.people if not one.has_moved])
        transaction.set_rollback(True)

    assert held == again
    assert stays == expected
    for one in batch.people:
        if one.has_moved:
            continue
        for scope in Scope:
            wanted = batch.model.refusal(one.addresses, scope)
            assert refusals[one.phone, scope.value] == wanted, (one, scope, seed)
    for person, before, after in batch.moves:
        for scope in Scope:
            if before[scope] in (consent.OPTED_OUT, consent.BLOCKED):
                assert STRICT[after[scope]] >= STRICT[before[scope]], (person, scope, seed)
