"""What is taken out of the trail before a checkpoint covers it is missed all the same."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from compliance import audit
from compliance.audit import chain, checkpoints, sealing, verify, witness
from compliance.models import AuditEntry
from config.lib.ids import new_id
from config.lib.redis import key
from tests.compliance.test_audit_chain import (  # noqa: F401  # fixtures
    Owner,
    as_owner,
    found,
    outside,
    trail,
    write,
)


def take_out(run: Owner, entry: AuditEntry) -> None:
    """Delete an entry with all that refers to it."""
    for table, column in (
        ("compliance_auditentry", "id"),
        ("compliance_auditpending", "entry_id"),
        ("compliance_auditlink", "entry_id"),
    ):
        run(f"DELETE FROM {table} WHERE {column} = %s", entry.pk)  # noqa: S608  # our own names


def noted() -> list[Any]:
    return [id_ for _, ids in witness.noted() for id_ in ids]


def test_an_entry_taken_out_before_it_was_sealed_is_missed(
    trail: Business,  # noqa: F811  # the fixture
    as_owner: Owner,  # noqa: F811  # the fixture
) -> None:
    _, gone, _ = write(3)
    take_out(as_owner, gone)

    assert sealing.run(now=timezone.now())["lost"] == 1

    (finding,) = verify.findings(trail.pk)
    assert (finding.kind, finding.entry_id) == ("removed", gone.pk)
    assert sealing.run(now=timezone.now())["lost"] == 0
    assert [one.entry_id for one in verify.findings(trail.pk)] == [gone.pk]


def test_the_last_ones_sealed_and_taken_out_before_they_were_signed_are_missed(
    trail: Business,  # noqa: F811
    as_owner: Owner,  # noqa: F811
) -> None:
    gone = write(2)
    chain.seal(trail.pk, now=timezone.now())
    for entry in gone:
        take_out(as_owner, entry)

    sealing.run(now=timezone.now())

    assert [one.entry_id for one in verify.findings(trail.pk)] == [one.pk for one in gone]


def test_an_entry_of_no_business_is_missed_too(trail: Business, as_owner: Owner) -> None:  # noqa: F811
    with tenancy.no_scope():
        gone = audit.record(action="user.signed_in")
    take_out(as_owner, gone)

    sealing.run(now=timezone.now())

    assert [one.entry_id for one in verify.findings(None)] == [gone.pk]


def test_what_was_never_committed_is_not_missed(trail: Business) -> None:  # noqa: F811
    with transaction.atomic():
        write(3)
        transaction.set_rollback(True)
    write(2)

    assert sealing.run(now=timezone.now())["lost"] == 0
    assert noted() == []
    assert found(trail) == []


def test_a_chain_sealed_but_not_signed_is_signed_in_the_next_round(trail: Business) -> None:  # noqa: F811
    write(2)
    chain.seal(trail.pk, now=timezone.now())

    sealing.run(now=timezone.now())

    assert list(checkpoints.read(trail.pk))[-1].head == chain.head(trail.pk)
    assert noted() == []


def test_entries_are_remembered_until_a_checkpoint_is_stored(
    trail: Business,  # noqa: F811
    settings: Any,
    tmp_path: Path,
) -> None:
    place, in_the_way = settings.BACKUP_STORAGE_URL, tmp_path / "file"
    in_the_way.write_text("no directory")
    settings.BACKUP_STORAGE_URL = f"file://{in_the_way}"
    (entry,) = write(1)
    sealing.run(now=timezone.now())
    assert noted() == [entry.pk]

    settings.BACKUP_STORAGE_URL = place
    sealing.run(now=timezone.now())

    assert noted() == []


@pytest.mark.parametrize("end", [b"", b"/", b"/" + b"0" * 64, b"/\xc3\xa9", b"/\xff"])
def test_what_somebody_else_put_into_redis_is_no_loss(
    end: bytes,
    trail: Business,  # noqa: F811
    redis_server: redis.Redis,
) -> None:
    named = [f"{trail.pk}/{new_id()}", f"/{new_id()}", "nonsense"]
    forged = [one.encode() + end for one in named]
    redis_server.sadd(key("audit-witness"), *forged)
    (entry,) = write(1)

    assert noted() == [entry.pk]
    assert sealing.run(now=timezone.now())["lost"] == 0

    assert found(trail) == []
    assert not AuditEntry.objects.filter(action=verify.LOST).exists()
    assert redis_server.smembers(key("audit-witness")) == set(forged)


def test_what_another_installation_noted_is_left_to_it(
    trail: Business,  # noqa: F811
    as_owner: Owner,  # noqa: F811
    settings: Any,
) -> None:
    ours = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = ["theirs"]
    (gone,) = write(1)
    take_out(as_owner, gone)
    settings.FIELD_ENCRYPTION_KEYS = ours

    assert sealing.run(now=timezone.now())["lost"] == 0

    settings.FIELD_ENCRYPTION_KEYS = ["theirs"]
    assert noted() == [gone.pk]


def test_what_was_noted_under_an_old_key_is_missed_and_let_go(
    trail: Business,  # noqa: F811
    as_owner: Owner,  # noqa: F811
    settings: Any,
) -> None:
    gone, _ = write(2)
    take_out(as_owner, gone)
    settings.FIELD_ENCRYPTION_KEYS = ["brand-new", *settings.FIELD_ENCRYPTION_KEYS]

    assert sealing.run(now=timezone.now())["lost"] == 1
    sealing.run(now=timezone.now())

    assert noted() == []


def test_without_redis_entries_are_written_and_sealed(trail: Business, settings: Any) -> None:  # noqa: F811
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    write(2)

    assert sealing.run(now=timezone.now())["sealed"] == 2
    assert found(trail) == []


def test_checkpoints_moved_aside_say_that_a_loss_is_known(
    trail: Business,  # noqa: F811
    as_owner: Owner,  # noqa: F811
    outside: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    (gone,) = write(1)
    take_out(as_owner, gone)
    sealing.run(now=timezone.now())
    sealing.run(now=timezone.now())
    checkpoints_of_before = outside / str(trail.pk)

    for days, named in ((0, [gone.pk]), (1, [])):
        shutil.move(checkpoints_of_before, tmp_path / f"known {days}")
        write(1)
        sealing.run(now=timezone.now() + timedelta(days=days))
        assert [one.entry_id for one in verify.findings(trail.pk)] == named


def test_a_loss_on_a_day_without_a_checkpoint_stays_named(
    trail: Business,  # noqa: F811
    as_owner: Owner,  # noqa: F811
    outside: Path,  # noqa: F811
    settings: Any,
    tmp_path: Path,
) -> None:
    place, in_the_way = settings.BACKUP_STORAGE_URL, tmp_path / "file"
    in_the_way.write_text("no directory")
    shutil.rmtree(outside)
    settings.BACKUP_STORAGE_URL = f"file://{in_the_way}"
    (gone,) = write(1)
    take_out(as_owner, gone)
    assert sealing.run(now=timezone.now())["lost"] == 1

    settings.BACKUP_STORAGE_URL = place
    assert sealing.run(now=timezone.now() + timedelta(days=1))["checkpoints"] == 1

    assert [one.entry_id for one in verify.findings(trail.pk)] == [gone.pk]


def test_what_else_lies_beside_the_checkpoints_is_left_alone(
    trail: Business,  # noqa: F811
    outside: Path,  # noqa: F811
) -> None:
    (outside / "lost+found").mkdir()
    (outside / str(trail.pk) / "notes.json").write_text("{}")
    write(1)

    assert sealing.run(now=timezone.now())["unsigned"] == 0
    assert trail.pk in verify.chains()
    assert found(trail) == []


def test_a_business_nobody_knows_is_not_called_verified(trail: Business) -> None:  # noqa: F811
    with pytest.raises(CommandError, match="no trace"):
        call_command("verify_audit", "--business", str(new_id()))
