"""`manage.py demo`: everything `serve` starts, and a campaign that arrives in the sandbox."""

from typing import Any

from django.core.management.base import CommandParser

from config.dev.management.commands import serve
from config.dev.processes import Stack


class Command(serve.Command):
    """Serve with the demo business; `--exit` stops once everything answers."""

    help = "Start everything and show a campaign arrive; --exit stops after it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of `serve` too."""
        super().add_arguments(parser)
        parser.add_argument("--exit", action="store_true", help="stop after the campaign")

    def stay(self, stack: Stack, **options: Any) -> None:
        """Stay up until a process ends, unless told to exit."""
        if not options["exit"]:
            super().stay(stack, **options)
