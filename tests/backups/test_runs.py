"""A backup of a real database, restored and compared; and everything that may be wrong with it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from backups import dump, manifest, postgres, restore, runs, seal, store, verify
from backups.errors import BackupFailed, BackupRunning
from backups.manifest import Contents
from backups.models import Backup
from backups.verify import Expected
from compliance.models import AuditEntry
from tests.factories.messaging import MessageFactory


def make() -> Backup:
    return runs.make(trigger="command", clock=timezone.now)


def check(backup: Backup) -> list[str]:
    """Return the codes of what a check finds, and the sentences."""
    report = runs.check(backup, now=timezone.now())
    return [f"{one.code}: {one.detail}" for one in report.findings]


def path_of(backup: Backup) -> Path:
    return Path(backup.location.removeprefix("file://"))


def scratch_databases() -> list[str]:
    with postgres.connect(autocommit=True) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [restore.PREFIX]
        ).fetchall()
    return [name for (name,) in rows]


@pytest.fixture
def backup(transactional_db: None, archives: Path) -> Backup:
    """Return a backup of a database with a message in it."""
    MessageFactory.create(content={"body": "Grüße, 你好 🌻"})
    return make()


def test_a_backup_comes_back_as_it_was(backup: Backup) -> None:
    assert check(backup) == []

    backup.refresh_from_db()
    assert backup.status == "done"
    assert backup.verified_at is not None
    tables: dict[str, Any] = backup.manifest["tables"]
    assert sum(one["rows"] for name, one in tables.items() if "messaging_message_" in name) == 1
    assert backup.manifest["migrations"]["messaging"]
    assert backup.size == path_of(backup).stat().st_size
    assert scratch_databases() == []
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {
        "backup.started",
        "backup.stored",
        "backup.verified",
    }


def test_the_archive_tells_nothing_to_who_has_no_key(backup: Backup) -> None:
    raw = path_of(backup).read_bytes()

    assert b"messaging" not in raw
    assert path_of(backup).stat().st_mode & 0o077 == 0


def test_one_flipped_byte_in_the_middle_names_the_block(backup: Backup) -> None:
    raw = bytearray(path_of(backup).read_bytes())
    raw[len(raw) // 2] ^= 0x10
    path_of(backup).write_bytes(raw)

    found = check(backup)

    assert [one.partition(":")[0] for one in found] == ["hash", "damaged_block"]
    assert "Block 1 of 1 is damaged (bytes " in found[1]
    backup.refresh_from_db()
    assert backup.verified_at is None
    assert len(backup.findings) == 2


def test_another_key_fails_saying_which(backup: Backup, settings: Settings) -> None:
    settings.BACKUP_ENCRYPTION_KEY = "another key"

    (found,) = check(backup)

    assert found.startswith("wrong_key: Wrong key: the archive was sealed with key ")
    assert backup.key_fingerprint in found


def test_a_cut_archive_fails_saying_so(backup: Backup) -> None:
    raw = path_of(backup).read_bytes()
    path_of(backup).write_bytes(raw[:-1000])

    found = check(backup)

    assert [one.partition(":")[0] for one in found] == ["size", "truncated"]
    assert "cut off" in found[1]


def test_an_archive_that_is_gone_fails_saying_so(backup: Backup) -> None:
    path_of(backup).unlink()

    assert check(backup) == [f"not_in_store: {path_of(backup).name} is not in the store."]


def test_a_restored_database_that_differs_is_told_table_by_table() -> None:
    told = Contents(
        tables={
            "same": {"rows": 2, "checksum": "1"},
            "fewer": {"rows": 12_000, "checksum": "1"},
            "changed": {"rows": 2, "checksum": "1"},
            "gone": {"rows": 2, "checksum": "1"},
        },
        migrations={"accounts": ["0001_initial"]},
    )
    found = Contents(
        tables={
            "same": {"rows": 2, "checksum": "1"},
            "fewer": {"rows": 11_999, "checksum": "1"},
            "changed": {"rows": 2, "checksum": "2"},
            "new": {"rows": 0, "checksum": "0"},
        },
        migrations={"accounts": []},
    )

    sentences = {one.code: one.detail for one in verify.compare(told, found)}

    assert sentences == {
        "row_contents": "Rows of table changed differ, though their number is the same.",
        "row_count": "Table fewer had 12,000 rows and has 11,999.",
        "missing_table": "Table gone is missing.",
        "extra_table": "Table new was not there before.",
        "migrations": "Migrations differ in accounts.",
    }


def test_an_archive_of_a_newer_version_is_told() -> None:
    newer = {"migrations": {"messaging": ["0001_initial", "9999_from_the_future"], "gone": ["1"]}}

    assert [one.detail for one in verify.unknown(newer)] == [
        "The archive was made by a newer version: it has messaging.9999_from_the_future."
    ]
    assert verify.unknown({"migrations": {"messaging": ["0001_initial"]}}) == []


@pytest.mark.django_db(transaction=True)
def test_rows_written_while_the_dump_runs_do_not_upset_the_comparison(archives: Path) -> None:
    out = io.BytesIO()
    sealer = seal.Sealer(out, seal.configured_key())
    Backup.objects.create()
    told = dump.write(_Busy(sealer), key_fingerprint="", now=timezone.now())
    sealer.finish()

    report = verify.check(out, key=seal.configured_key(), expected=Expected())

    assert report.findings == []
    assert told["tables"]["backups_backup"]["rows"] == 1


class _Busy:
    """Somebody writes a row for every piece of the dump."""

    def __init__(self, sealer: seal.Sealer) -> None:
        self._sealer = sealer

    def write(self, data: bytes) -> int:
        Backup.objects.create(status=Backup.Status.FAILED)
        return self._sealer.write(data)


def test_a_restore_that_breaks_off_leaves_no_database_behind(transactional_db: None) -> None:
    with pytest.raises(BackupFailed, match="pg_restore failed"), restore.scratch_database() as name:
        restore.load([b"not a dump at all"], database=name)

    assert scratch_databases() == []


def test_scratch_databases_of_killed_checks_are_dropped_after_a_day(transactional_db: None) -> None:
    with restore.scratch_database() as name:
        assert restore.drop_left_behind(now=timezone.now()) == 0
        assert restore.drop_left_behind(now=timezone.now() + timedelta(days=2)) >= 1
        assert name not in scratch_databases()


def test_a_dump_that_fails_stores_nothing_and_says_why(
    transactional_db: None, archives: Path, settings: Settings, tmp_path: Path
) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    old.chmod(0o755)
    settings.POSTGRES_BIN_DIR = str(tmp_path)

    with pytest.raises(BackupFailed, match="at least as new"):
        make()

    failed = Backup.objects.get()
    assert failed.status == "failed"
    assert "PostgreSQL 9" in failed.error
    assert list(archives.iterdir()) == []


def test_one_backup_at_a_time_and_a_dead_one_blocks_nobody_for_long(
    transactional_db: None, archives: Path
) -> None:
    dead = Backup.objects.create(started_at=timezone.now())
    with pytest.raises(BackupRunning):
        make()

    Backup.objects.update(started_at=timezone.now() - 2 * runs.LONGEST)
    made = make()
    runs.tidy(now=timezone.now())

    dead.refresh_from_db()
    assert (dead.status, made.status) == ("failed", "done")


def test_what_retention_does_not_keep_is_deleted_with_its_file(
    transactional_db: None, archives: Path
) -> None:
    made = [make() for _ in range(3)]
    Backup.objects.filter(pk=made[0].pk).update(verified_at=timezone.now())

    deleted = runs.tidy(now=timezone.now())

    kept = set(Backup.objects.values_list("pk", flat=True))
    assert deleted == 1
    assert kept == {made[0].pk, made[2].pk}
    assert len(list(archives.iterdir())) == 2


def test_s3_holds_archives_as_a_directory_does(transactional_db: None, s3: str) -> None:
    backup = make()

    assert check(backup) == []
    assert backup.location.startswith(f"{s3}/switchboard-")
    place = store.at(s3)
    (listed,) = place.list()
    assert listed.size == backup.size
    place.delete(listed.name)
    assert place.list() == []
    assert check(backup)[0].startswith("not_in_store")


def test_an_upload_that_breaks_off_leaves_nothing_in_s3(s3: str) -> None:
    place = store.at(s3)

    with pytest.raises(RuntimeError):
        _break_off(place)

    assert place.list() == []


def _break_off(place: store.Store) -> None:
    with place.create("broken") as sink:
        sink.write(bytes(40 * 1024 * 1024))
        raise RuntimeError


def test_large_uploads_go_in_parts(s3: str) -> None:
    place, piece = store.at(s3), bytes(range(256)) * 4096

    with place.create("large") as sink:
        for _ in range(40):
            sink.write(piece)

    assert place.list()[0].size == 40 * len(piece)
    assert b"".join(place.read("large")) == piece * 40
    place.delete("large")


def test_a_wrong_secret_is_told_without_telling_it(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")

    with pytest.raises(BackupFailed) as refused:
        store.at(s3).list()

    assert "not-the-secret" not in refused.value.detail


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    with io.StringIO() as file:
        yield file


def test_the_commands_say_what_was_made_and_what_was_found(
    transactional_db: None, archives: Path, output: io.StringIO
) -> None:
    call_command("backup", stdout=output)
    call_command("verify_backup", stdout=output)
    (path,) = archives.iterdir()
    call_command("verify_backup", str(path), stdout=output)
    backup = Backup.objects.get()
    call_command("verify_backup", str(backup.pk), stdout=output)

    assert output.getvalue().count("came back as they were") == 3

    raw = bytearray(path.read_bytes())
    raw[-5000] ^= 1
    path.write_bytes(raw)
    errors = io.StringIO()
    with pytest.raises(CommandError, match="cannot be relied on"):
        call_command("verify_backup", str(path), stdout=output, stderr=errors)
    assert "damaged_block: Block" in errors.getvalue()


@pytest.mark.parametrize("wanted", ["latest", "nonsense", str(UUID(int=0))])
def test_a_backup_that_does_not_exist_is_told(db: None, wanted: str) -> None:
    with pytest.raises(CommandError, match="There is no backup"):
        call_command("verify_backup", wanted)


def test_the_checksum_of_a_table_sees_every_change(transactional_db: None) -> None:
    row = Backup.objects.create()
    with psycopg.connect(postgres.conninfo()) as connection:
        before = manifest.read(connection).tables["backups_backup"]
        Backup.objects.filter(pk=row.pk).update(error="x")
        after = manifest.read(connection).tables["backups_backup"]

    assert before["rows"] == after["rows"] == 1
    assert before["checksum"] != after["checksum"]


def test_a_check_that_cannot_be_made_is_a_finding_and_leaves_the_backup_unverified(
    backup: Backup, settings: Settings
) -> None:
    settings.DATABASE_OWNER_URL = os.environ["DATABASE_URL"]

    (finding,) = check(backup)

    backup.refresh_from_db()
    assert "CREATEDB" in finding
    assert backup.verified_at is None
