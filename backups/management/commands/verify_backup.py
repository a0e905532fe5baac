"""`manage.py verify_backup`: open a backup, restore it into a scratch database, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backups import restore, runs, seal, verify
from backups.models import Backup
from backups.verify import Expected, Report
from config.lib.errors import ProjectError


class Command(BaseCommand):
    """Check a backup; exit 1 with every finding when it cannot be relied on."""

    help = "Restore a backup into a scratch database and compare it with its manifest."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which backup."""
        parser.add_argument(
            "backup",
            nargs="?",
            default="latest",
            help="an id, the path of an archive, or latest (the default)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check it, and print the findings."""
        try:
            report = self._report(options["backup"])
        except ProjectError as error:
            raise CommandError(error.detail) from error
        for finding in report.findings:
            self.stderr.write(f"{finding.code}: {finding.detail}")
        if not report.is_clean:
            raise CommandError("This backup cannot be relied on.")
        tables = report.manifest["tables"]
        rows = sum(table["rows"] for table in tables.values())
        self.stdout.write(
            f"Verified: {len(tables)} tables with {rows:,} rows came back as they were."
        )

    def _report(self, wanted: str) -> Report:
        if (path := Path(wanted)).is_file():
            return _check_file(path)
        backup = _find(wanted)
        if backup is None:
            raise CommandError(f"There is no backup {wanted}.")
        self.stdout.write(f"Checking {backup.location}")
        return runs.check(backup, now=timezone.now())


def _find(wanted: str) -> Backup | None:
    if wanted == "latest":
        return runs.find_latest()
    try:
        id_ = UUID(wanted)
    except ValueError:
        return None
    return Backup.objects.filter(pk=id_, status=Backup.Status.DONE).first()


def _check_file(path: Path) -> Report:
    restore.drop_left_behind(now=timezone.now())
    known = Backup.objects.filter(location__endswith=f"/{path.name}").first()
    expected = Expected(known.size, known.sha256) if known else Expected()
    with path.open("rb") as file:
        return verify.check(file, key=seal.configured_key(), expected=expected)
