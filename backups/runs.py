"""A backup from request to verified; only `verify` makes one count."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal

from django.conf import settings
from django.db import connection, transaction

from accounts.models import User
from backups import dump, jobs, restore, retention, seal, store, verify
from backups.errors import BackupFailed, BackupRunning
from backups.models import Backup
from backups.retention import Kept
from backups.verify import Expected, Finding, Report
from compliance import audit

Clock = Callable[[], datetime]
Trigger = Literal["manual", "nightly", "command"]
LONGEST: Final = timedelta(hours=6)
_LOCK: Final = 7_260_220  # any number: the same in every process


def request(
    *, trigger: Trigger, now: datetime, by: User | None = None, by_name: str = ""
) -> Backup:
    """Note that a backup is wanted and start its job; raises `BackupRunning`."""
    with transaction.atomic():
        backup = begin(trigger=trigger, now=now, by=by, by_name=by_name)
        jobs.RUN.enqueue(backup_id=str(backup.pk))
    return backup


def make(*, trigger: Trigger, clock: Clock) -> Backup:
    """Make a backup here and now; raises `BackupRunning` or `BackupFailed`."""
    backup = begin(trigger=trigger, now=clock())
    perform(backup, clock=clock)
    return backup


def perform(backup: Backup, *, clock: Clock) -> None:
    """Dump, seal and store; the row says how it ended. Raises `BackupFailed`."""
    if backup.status != Backup.Status.RUNNING:
        return
    try:
        _write(backup, clock=clock)
    except BaseException as error:
        detail = error.detail if isinstance(error, BackupFailed) else type(error).__name__
        _fail(backup, detail, now=clock())
        raise


def check(backup: Backup, *, now: datetime) -> Report:
    """Fetch a stored backup, restore it and compare; the row keeps the findings.

    A check that cannot be made is a finding too.
    """
    try:
        restore.drop_left_behind(now=now)
        report = _check(backup)
    except BackupFailed as error:
        report = Report([Finding(error.code, error.detail)])
    _note(backup, report, now=now)
    return report


def _check(backup: Backup) -> Report:
    place, name = _split(backup.location)
    with tempfile.TemporaryFile() as file:
        store.fetch(store.at(place), name, file)
        expected = Expected(backup.size, backup.sha256)
        return verify.check(file, key=seal.configured_key(), expected=expected)


def tidy(*, now: datetime) -> int:
    """Delete what the retention does not keep; close rows of runs that died."""
    for dead in Backup.objects.filter(status=Backup.Status.RUNNING, started_at__lt=now - LONGEST):
        _fail(dead, "The process that made this backup died.", now=now)
    done = Backup.objects.filter(status=Backup.Status.DONE)
    kept = [Kept(one.pk, one.started_at, one.verified_at is not None) for one in done]
    doomed = retention.to_delete(kept)
    for backup in Backup.objects.filter(pk__in=doomed):
        place, name = _split(backup.location)
        store.at(place).delete(name)
        audit.record(
            action="backup.deleted",
            resource="backup",
            resource_id=str(backup.pk),
            actor_name="retention",
        )
        backup.delete()
    return len(doomed)


def find_latest() -> Backup | None:
    """Return the newest stored backup."""
    return Backup.objects.filter(status=Backup.Status.DONE).order_by("-id").first()


def begin(*, trigger: Trigger, now: datetime, by: User | None = None, by_name: str = "") -> Backup:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        alive = Backup.objects.filter(status=Backup.Status.RUNNING, started_at__gte=now - LONGEST)
        if running := alive.first():
            raise BackupRunning("A backup is being made already.", extra={"id": str(running.pk)})
        backup = Backup.objects.create(trigger=trigger, started_at=now)
        audit.record(
            action="backup.started",
            resource="backup",
            resource_id=str(backup.pk),
            details={"trigger": trigger},
            actor=by,
            actor_name=by_name or trigger,
        )
    return backup


def _write(backup: Backup, *, clock: Clock) -> None:
    key, place = seal.configured_key(), settings.BACKUP_STORAGE_URL.rstrip("/")
    name = f"switchboard-{backup.started_at:%Y%m%dT%H%M%SZ}-{backup.pk.hex[-8:]}.sealed"
    target = store.at(place)
    with target.create(name) as sink:
        sealer = seal.Sealer(sink, key)
        told = dump.write(sealer, key_fingerprint=key.fingerprint, now=clock())
        sealer.finish()
    _read_back(target, name, sealer)
    backup.status = Backup.Status.DONE
    backup.location, backup.size, backup.sha256 = f"{place}/{name}", sealer.size, sealer.sha256
    backup.key_fingerprint, backup.manifest = key.fingerprint, told
    backup.finished_at = clock()
    with transaction.atomic():
        backup.save()
        audit.record(
            action="backup.stored",
            resource="backup",
            resource_id=str(backup.pk),
            details={"bytes": sealer.size, "sha256": sealer.sha256},
            actor_name=backup.trigger,
        )


def _read_back(target: store.Store, name: str, sealer: seal.Sealer) -> None:
    """Believe the store only what it lists and gives back."""
    listed = {one.name: one.size for one in target.list()}
    if listed.get(name) != sealer.size:
        raise BackupFailed(
            f"The store lists {listed.get(name, 0):,} bytes; {sealer.size:,} were written."
        )
    digest = hashlib.sha256()
    for piece in target.read(name):
        digest.update(piece)
    if digest.hexdigest() != sealer.sha256:
        raise BackupFailed("The store gives back other bytes than were written.")


def _note(backup: Backup, report: Report, *, now: datetime) -> None:
    backup.checked_at = now
    backup.verified_at = now if report.is_clean else None
    backup.findings = [finding.as_json() for finding in report.findings]
    with transaction.atomic():
        backup.save(update_fields=["checked_at", "verified_at", "findings"])
        audit.record(
            action="backup.verified" if report.is_clean else "backup.refused",
            resource="backup",
            resource_id=str(backup.pk),
            details={"findings": [finding.code for finding in report.findings]},
            actor_name=backup.trigger,
        )


def _fail(backup: Backup, detail: str, *, now: datetime) -> None:
    backup.status, backup.error = Backup.Status.FAILED, detail[:500]
    backup.finished_at = now
    with transaction.atomic():
        backup.save(update_fields=["status", "error", "finished_at"])
        audit.record(
            action="backup.failed",
            resource="backup",
            resource_id=str(backup.pk),
            actor_name=backup.trigger,
        )


def _split(location: str) -> tuple[str, str]:
    place, _, name = location.rpartition("/")
    return place, name
