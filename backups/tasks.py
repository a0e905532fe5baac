"""Background work of backups."""

from __future__ import annotations

from django.utils import timezone

from backups import jobs, runs
from backups.errors import BackupFailed, BackupRunning
from backups.models import Backup
from config.lib import alerts, locks
from config.lib.alerts import Severity
from config.lib.tasks import Counts, task

# A broker may hand the same job out again while it runs; the lock lets only one go on.
_SECONDS = int(runs.LONGEST.total_seconds())


@task(jobs.RUN, time_limit_seconds=_SECONDS)
def run(*, backup_id: str, **_: object) -> Counts:
    """Make the backup that was asked for, and check it."""
    with locks.single_flight("backups.run", ttl_seconds=_SECONDS) as is_mine:
        backup = Backup.objects.filter(pk=backup_id, status=Backup.Status.RUNNING).first()
        if not is_mine or backup is None:
            return {"skipped": 1}
        return _make_and_check(backup)


@task(jobs.NIGHTLY, time_limit_seconds=_SECONDS)
def nightly(**_: object) -> Counts:
    """Make tonight's backup, check it, and delete what need not be kept."""
    with locks.single_flight("backups.run", ttl_seconds=_SECONDS) as is_mine:
        if not is_mine:
            return {"skipped": 1}
        try:
            backup = runs.begin(trigger="nightly", now=timezone.now())
        except BackupRunning:
            return {"skipped": 1}
        counts = _make_and_check(backup)
        return {**counts, "deleted": runs.tidy(now=timezone.now())}


@task(jobs.VERIFY, time_limit_seconds=_SECONDS)
def verify(*, backup_id: str, **_: object) -> Counts:
    """Restore a stored backup into a scratch database and compare."""
    with locks.single_flight("backups.run", ttl_seconds=_SECONDS) as is_mine:
        backup = Backup.objects.filter(pk=backup_id, status=Backup.Status.DONE).first()
        if not is_mine or backup is None:
            return {"skipped": 1}
        report = runs.check(backup, now=timezone.now())
        return {"findings": len(report.findings)}


def _make_and_check(backup: Backup) -> dict[str, int]:
    try:
        runs.perform(backup, clock=timezone.now)
        report = runs.check(backup, now=timezone.now())
    except BackupFailed as error:
        alerts.send("Backup failed", error.detail, Severity.CRITICAL)
        return {"failed": 1}
    if report.is_clean:
        return {"verified": 1}
    detail = " ".join(finding.detail for finding in report.findings)
    alerts.send("Backup cannot be relied on", detail, Severity.CRITICAL)
    return {"findings": len(report.findings)}
