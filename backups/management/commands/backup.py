"""`manage.py backup`: make a backup now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backups import runs
from config.lib.errors import ProjectError


class Command(BaseCommand):
    """Dump, encrypt and store the database; exit 1 when that fails."""

    help = "Make an encrypted backup of the whole database."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and say where it is."""
        try:
            backup = runs.make(trigger="command", clock=timezone.now)
        except ProjectError as error:
            raise CommandError(error.detail) from error
        tables = backup.manifest["tables"]
        rows = sum(table["rows"] for table in tables.values())
        self.stdout.write(f"Backup {backup.pk}: {backup.location}")
        self.stdout.write(
            f"{backup.size:,} bytes, {len(tables)} tables, {rows:,} rows, key "
            f"{backup.key_fingerprint}, SHA-256 {backup.sha256}"
        )
        self.stdout.write("Check it with: manage.py verify_backup")
