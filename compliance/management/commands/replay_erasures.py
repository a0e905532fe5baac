"""`manage.py replay_erasures`: after a restore, erase again whoever it brought back."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from compliance.privacy import records
from config.lib.errors import ProjectError


class Command(BaseCommand):
    """Replay the list of erasures; exit 1 when it is not genuine or something is left to do."""

    help = "Erase again whoever a restored backup brought back, by the list beside the backups."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether only to look."""
        parser.add_argument("--dry-run", action="store_true", help="say who would be erased")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay, and say what was done."""
        is_dry = options["dry_run"]
        try:
            done = records.replay(clock=timezone.now, is_dry=is_dry)
        except ProjectError as error:
            raise CommandError(error.detail) from error
        verb = "would be erased" if is_dry else "erased"
        self.stdout.write(
            f"{done.listed} erasures on the list: {done.known} done in this database, "
            f"{done.erased} {verb} again, {done.nobody} of people not held here, "
            f"{done.foreign} of businesses that are not here."
        )
        if done.unfinished:
            raise CommandError(
                f"{len(done.unfinished)} are not finished; start the workers and look at them "
                f"under Privacy requests: {', '.join(done.unfinished)}"
            )
