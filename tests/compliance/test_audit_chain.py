"""The chain over the audit trail: sealed in batches, and nothing done to it goes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from auditlog.context import disable_auditlog
from django.core.management import CommandError, call_command
from django.db import InternalError, ProgrammingError, connection, connections, transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from compliance import audit
from compliance.audit import canonical, chain, checking, checkpoints, sealing, verify
from compliance.models import AuditEntry, AuditLink, AuditPending
from config.lib.ids import new_id
from config.lib.storage import Disk
from tests.database import owner_url, url_for
from tests.factories.accounts import BusinessFactory

WRITERS = 50
EACH = 4

Owner = Callable[..., None]


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, settings: Any) -> Path:
    """Keep checkpoints in a directory of the test."""
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}"
    return tmp_path / "audit"


@pytest.fixture
def trail(transactional_db: None) -> Iterator[Business]:
    """Return a business in scope with thirty entries, sealed and signed."""
    with disable_auditlog():
        made = BusinessFactory.create()
    with tenancy.scope(made):
        write(30)
        sealing.run(now=timezone.now())
        yield made


@pytest.fixture
def as_owner(transactional_db: None) -> Iterator[Owner]:
    """Return a function that runs statements as the owner of the tables, triggers off."""
    url = url_for(owner_url(), connection.settings_dict["NAME"])
    with psycopg.connect(url, autocommit=True) as owner:

        def run(statement: str, *values: object, quietly: bool = True) -> None:
            for table in ("compliance_auditentry", "compliance_auditlink"):
                if quietly:
                    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            owner.execute("SET switchboard.business = 'all'")
            owner.execute(statement, values)
            for table in ("compliance_auditentry", "compliance_auditlink"):
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

        yield run


def write(count: int) -> list[AuditEntry]:
    return [
        audit.record(action="sender.paused", resource="sender", resource_id=str(number))
        for number in range(count)
    ]


def found(business: Business) -> list[tuple[str, int]]:
    return [(one.kind, one.position) for one in verify.findings(business.pk)]


def entry_at(business: Business, position: int) -> UUID:
    id_: UUID = AuditLink.objects.get(business=business, position=position).entry_id
    return id_


def test_entries_wait_and_are_sealed_in_order(trail: Business) -> None:
    late = write(2)
    assert chain.count_waiting(trail.pk) == 2

    assert chain.seal(trail.pk, now=timezone.now()) == 2

    links = list(AuditLink.objects.filter(business=trail).order_by("position"))
    assert [link.position for link in links] == list(range(1, 33))
    assert [link.entry_id for link in links[-2:]] == [entry.pk for entry in late]
    assert links[0].chain_hash == canonical.next_hash(
        canonical.first_hash(trail.pk), links[0].digest
    )
    assert not AuditPending.objects.exists()
    assert found(trail) == []


def test_whatever_an_entry_holds_reads_back_as_it_was_signed(trail: Business) -> None:
    odd = {
        "whole": 1.0,
        "huge": 1e22,
        "vast": 1.5e300,
        "small": -1.5e-10,
        "zero": -0.0,
        "nan": float("nan"),
        "nul": "a\x00b\ud800c",
        "words": ["é", "مرحبا", {"deep": None, "yes": True}],
        "when": timezone.now(),
        "id": new_id(),
        "set": {"b", "a"},
    }

    audit.record(action="odd.recorded", resource_id="x\x00" * 100, details=odd, before=odd)
    chain.seal(trail.pk, now=timezone.now())

    assert found(trail) == []


def test_the_application_can_neither_change_nor_delete(trail: Business) -> None:
    entries, links = AuditEntry.objects.all(), AuditLink.objects.all()
    for act in (
        lambda: entries.update(action="x"),
        lambda: entries.filter(action="sender.paused").delete(),
        lambda: links.update(position=0),
        links.delete,
    ):
        with pytest.raises((ProgrammingError, InternalError)), transaction.atomic():
            act()

    assert found(trail) == []


def test_one_changed_byte_is_named(trail: Business, as_owner: Owner) -> None:
    as_owner(
        "UPDATE compliance_auditentry SET resource_id = 'y' WHERE id = %s", entry_at(trail, 17)
    )

    first, *others = verify.findings(trail.pk)

    assert (first.kind, first.position) == ("changed", 17)
    assert first.entry_id == entry_at(trail, 17)
    assert others == []


@pytest.mark.parametrize(
    "column",
    [field.column for field in AuditEntry._meta.fields if field.name not in ("id", "business")],
)
def test_no_column_can_be_changed_unnoticed(column: str, trail: Business, as_owner: Owner) -> None:
    values = {
        "actor_id": 7,
        "api_key_id": new_id(),
        "details": '{"a": 1}',
        "before": "{}",
        "after": "[]",
        "ip_address": "192.0.2.1",
        "created_at": timezone.now(),
        "origin": "external",
    }
    as_owner(
        f"UPDATE compliance_auditentry SET {column} = %s WHERE id = %s",  # noqa: S608  # our own column names
        values.get(column, "x"),
        entry_at(trail, 3),
    )

    assert found(trail) == [("changed", 3)]


def test_the_last_ten_entries_deleted_are_missed(trail: Business, as_owner: Owner) -> None:
    as_owner("DELETE FROM compliance_auditentry WHERE id >= %s", entry_at(trail, 21))

    assert found(trail) == [("removed", position) for position in range(21, 31)]


def test_the_last_ten_deleted_with_their_links_are_missed(trail: Business, as_owner: Owner) -> None:
    as_owner("DELETE FROM compliance_auditentry WHERE id >= %s", entry_at(trail, 21))
    as_owner("DELETE FROM compliance_auditlink WHERE position > 20")

    (finding,) = verify.findings(trail.pk)

    assert (finding.kind, finding.position) == ("removed", 21)
    assert "the last 10 entries from 21 on" in finding.detail


def test_sealing_on_hides_no_entry_that_is_gone(trail: Business, as_owner: Owner) -> None:
    gone = AuditLink.objects.filter(business=trail, position__gt=20)
    ids = list(gone.values_list("entry_id", flat=True))
    as_owner("DELETE FROM compliance_auditlink WHERE entry_id = ANY(%s)", ids)
    as_owner("DELETE FROM compliance_auditentry WHERE id = ANY(%s)", ids)

    write(1)
    counts = sealing.run(now=timezone.now())

    assert counts["unsigned"] == 1
    assert ("removed", 22) in found(trail)


def test_a_chain_grown_again_to_its_length_is_not_signed(trail: Business, as_owner: Owner) -> None:
    gone = AuditLink.objects.filter(business=trail, position__gt=20)
    ids = list(gone.values_list("entry_id", flat=True))
    as_owner("DELETE FROM compliance_auditlink WHERE entry_id = ANY(%s)", ids)
    as_owner("DELETE FROM compliance_auditentry WHERE id = ANY(%s)", ids)

    write(12)
    sealing.run(now=timezone.now())

    assert found(trail) == [("changed", 30)]


def test_a_whole_chain_that_is_gone_is_missed(trail: Business, as_owner: Owner) -> None:
    as_owner("DELETE FROM compliance_auditentry")
    as_owner("DELETE FROM compliance_auditlink")

    assert trail.pk in verify.chains()
    assert found(trail) == [("removed", 1)]


def test_one_taken_from_the_middle_is_named(trail: Business, as_owner: Owner) -> None:
    taken = entry_at(trail, 9)
    as_owner("DELETE FROM compliance_auditentry WHERE id = %s", taken)
    as_owner("DELETE FROM compliance_auditlink WHERE entry_id = %s", taken)

    assert found(trail)[0] == ("removed", 9)


def test_a_chain_recomputed_by_a_forger_differs_from_the_checkpoint(
    trail: Business, as_owner: Owner
) -> None:
    as_owner("DELETE FROM compliance_auditentry WHERE id = %s", entry_at(trail, 9))
    links = list(AuditLink.objects.filter(business=trail).order_by("position"))
    as_owner("DELETE FROM compliance_auditlink")
    chain_hash = canonical.first_hash(trail.pk)
    for position, link in enumerate([*links[:8], *links[9:]], start=1):
        chain_hash = canonical.next_hash(chain_hash, link.digest)
        link.position, link.chain_hash = position, chain_hash
        link.save(force_insert=True)

    assert found(trail) == [("removed", 30)]

    write(1)
    chain.seal(trail.pk, now=timezone.now())

    assert found(trail) == [("changed", 30)]


INSERTED = """
    INSERT INTO compliance_auditentry (id, business_id, origin, actor_name, action, resource,
        resource_id, details, request_id, created_at, signature)
    VALUES (%s, %s, 'internal', 'Alice', 'campaign.approved', 'campaign', '7', '{}', '', now(), %s)
"""


@pytest.mark.parametrize("quietly", [True, False])
@pytest.mark.parametrize("signature", ["", "12345678:" + "0" * 64])
def test_an_inserted_entry_is_named(
    signature: str, quietly: bool, trail: Business, as_owner: Owner
) -> None:
    forged = new_id()
    as_owner(INSERTED, forged, trail.pk, signature, quietly=quietly)

    (finding,) = verify.findings(trail.pk)
    assert (finding.kind, finding.entry_id) == ("inserted", forged)

    sealing.run(now=timezone.now())

    (finding,) = verify.findings(trail.pk)
    assert (finding.kind, finding.entry_id) == ("inserted", forged)


def test_an_entry_forged_with_its_link_is_named(trail: Business, as_owner: Owner) -> None:
    forged = new_id()
    as_owner(INSERTED, forged, trail.pk, "")
    end = chain.head(trail.pk)
    digest = canonical.digest(AuditEntry.objects.get(pk=forged))
    as_owner(
        "INSERT INTO compliance_auditlink VALUES (%s, %s, %s, %s, now(), %s)",
        forged,
        end.position + 1,
        digest,
        canonical.next_hash(end.chain_hash, digest),
        trail.pk,
    )

    assert found(trail) == [("inserted", 31)]


def test_an_entry_moved_to_another_business_is_named(trail: Business, as_owner: Owner) -> None:
    other = BusinessFactory.create()
    moved = entry_at(trail, 5)
    as_owner("UPDATE compliance_auditentry SET business_id = %s WHERE id = %s", other.pk, moved)

    assert found(trail)[0] in {("changed", 5), ("removed", 5)}


def test_an_entry_removed_before_it_was_sealed_is_missed(trail: Business, as_owner: Owner) -> None:
    (entry,) = write(1)
    as_owner("DELETE FROM compliance_auditentry WHERE id = %s", entry.pk)
    sealing.run(now=timezone.now())

    (finding,) = verify.findings(trail.pk)

    assert (finding.kind, finding.entry_id) == ("removed", entry.pk)


def test_an_entry_that_no_longer_waits_is_named(trail: Business) -> None:
    (entry,) = write(1)
    AuditPending.objects.all().delete()

    (finding,) = verify.findings(trail.pk)

    assert (finding.kind, finding.entry_id) == ("inserted", entry.pk)


def test_a_forged_checkpoint_is_named(trail: Business, outside: Path) -> None:
    (file,) = (outside / str(trail.pk)).iterdir()
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"position": 20}))

    assert [one.kind for one in verify.findings(trail.pk)] == ["checkpoint"]

    file.write_text("{")

    assert [one.kind for one in verify.findings(trail.pk)] == ["checkpoint"]


def test_a_checkpoint_is_written_only_when_the_chain_grew(trail: Business, outside: Path) -> None:
    day = timezone.now().replace(hour=12)

    assert not checkpoints.write(chain.head(trail.pk), now=day)

    write(3)
    assert sealing.run(now=day)["checkpoints"] == 1

    (one,) = checkpoints.read(trail.pk)
    assert (one.head, one.is_genuine) == (chain.head(trail.pk), True)
    assert one.head.position == 33
    assert [path.name for path in (outside / str(trail.pk)).iterdir()] == [one.name]


class Replacing(Disk):
    """A disk on which the chain is sealed on just before the newest checkpoint is first opened."""

    seal: Callable[[], object] | None = None

    def _open(self, *args: Any, **kwargs: Any) -> Any:
        seal, self.seal = self.seal, None
        if seal:
            seal()
        return super()._open(*args, **kwargs)


@pytest.mark.parametrize("reading", ["findings", "require_following"])
def test_a_checkpoint_replaced_while_it_is_read_breaks_no_check(
    reading: str, trail: Business, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    place = Replacing(location=outside)
    monkeypatch.setattr(checkpoints, "_storage", lambda: place)

    def seal_on() -> None:
        write(1)
        sealing.run(now=now)

    place.seal = seal_on
    if reading == "findings":
        assert found(trail) == []
    else:
        checkpoints.require_following(trail.pk)

    assert [one.head for one in checkpoints.read(trail.pk)] == [chain.head(trail.pk)]
    assert chain.head(trail.pk).position == 31


def test_a_checkpoint_taken_away_while_it_is_read_is_no_clean_trail(
    trail: Business, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = (outside / str(trail.pk)).iterdir()
    place = Replacing(location=outside)
    place.seal = file.unlink
    monkeypatch.setattr(checkpoints, "_storage", lambda: place)

    with pytest.raises(FileNotFoundError):
        found(trail)


def test_a_long_backlog_is_sealed_batch_by_batch(trail: Business, as_owner: Owner) -> None:
    entries = [AuditEntry(business=trail, action="sender.paused") for _ in range(chain.BATCH + 10)]
    for entry in entries:
        entry.signature = canonical.sign(entry)
    AuditEntry.objects.bulk_create(entries)
    most = 30 + chain.BATCH
    as_owner(f"ALTER TABLE compliance_auditlink ADD CONSTRAINT trial CHECK (position <= {most})")

    try:
        sealing.run(now=timezone.now())
    finally:
        as_owner("ALTER TABLE compliance_auditlink DROP CONSTRAINT trial")

    assert chain.head(trail.pk).position == most
    assert list(checkpoints.read(trail.pk))[-1].head.position == most


def test_a_check_that_took_long_puts_back_no_older_checkpoint(trail: Business) -> None:
    before = chain.head(trail.pk)
    write(2)
    sealing.run(now=timezone.now())

    assert not checkpoints.write(before, now=timezone.now())

    assert [one.head for one in checkpoints.read(trail.pk)] == [chain.head(trail.pk)]


def test_no_checkpoint_is_ahead_of_the_chain(trail: Business, as_owner: Owner) -> None:
    write(3)
    as_owner(
        "ALTER TABLE compliance_auditentry ADD CONSTRAINT trial CHECK (action <> 'audit.verified')"
    )

    try:
        assert checking.check_all(now=timezone.now())["failed"] > 0
    finally:
        as_owner("ALTER TABLE compliance_auditentry DROP CONSTRAINT trial")

    assert list(checkpoints.read(trail.pk))[-1].head == chain.head(trail.pk)
    assert found(trail) == []


def test_signatures_survive_a_new_key_and_show_a_dropped_one(
    trail: Business, settings: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["brand-new", *settings.FIELD_ENCRYPTION_KEYS]
    write(1)
    sealing.run(now=timezone.now())
    assert found(trail) == []

    settings.FIELD_ENCRYPTION_KEYS = ["brand-new"]
    kinds = [kind for kind, _ in found(trail)]

    assert kinds.count("inserted") == 30
    assert "changed" not in kinds


def test_entries_of_no_business_have_a_chain_of_their_own(trail: Business, as_owner: Owner) -> None:
    with tenancy.no_scope():
        entry = audit.record(action="user.signed_in")
    assert entry.business_id is None

    sealing.run(now=timezone.now())

    assert chain.head(None).position == 1
    as_owner("UPDATE compliance_auditentry SET action = 'x' WHERE id = %s", entry.pk)
    assert [one.kind for one in verify.findings(None)] == ["changed"]
    assert found(trail) == []


def test_the_command_names_the_place_and_exits_with_1(
    trail: Business, as_owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify_audit")
    assert "30 entries in the chain, 0 waiting" in capsys.readouterr().out

    as_owner("UPDATE compliance_auditentry SET action = 'x' WHERE id = %s", entry_at(trail, 17))

    with pytest.raises(CommandError, match="not as they were written"):
        call_command("verify_audit", "--business", str(trail.pk))
    said = capsys.readouterr().err
    assert f"CHANGED at position 17, entry {entry_at(trail, 17)}" in said


def test_fifty_writers_and_two_sealers_leave_a_valid_chain(trail: Business) -> None:
    def in_thread(work: Callable[[], object]) -> None:
        try:
            with tenancy.scope(trail):
                work()
        finally:
            connections.close_all()

    def write_some() -> None:
        for number in range(EACH):
            with transaction.atomic():
                audit.record(action="sender.paused", resource_id=str(number))
                if number == 1:
                    transaction.set_rollback(True)

    def seal_some() -> None:
        for _ in range(10):
            chain.seal(trail.pk, now=timezone.now())

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        jobs = [pool.submit(in_thread, write_some) for _ in range(WRITERS)]
        jobs += [pool.submit(in_thread, seal_some) for _ in range(2)]
        for job in jobs:
            job.result()
    sealing.run(now=timezone.now())

    assert found(trail) == []
    assert chain.head(trail.pk).position == 30 + WRITERS * (EACH - 1)
    assert AuditEntry.objects.count() == AuditLink.objects.count()
