"""`manage.py bench`: measure, beside goals and ceilings (`make bench`)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bench import place, report


class Command(BaseCommand):
    """Run benchmarks by name, or all of them."""

    help = "Measure sending, webhooks, campaigns and imports, each beside a ceiling."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take names, and how thorough to be."""
        parser.add_argument("names", nargs="*", choices=[*report.GOALS, []], metavar="name")
        parser.add_argument("--quick", action="store_true", help="small numbers, one round")
        parser.add_argument("--save", action="store_true", help="keep them in bench/results.json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print."""
        self.stdout.write(report.HEADER)
        try:
            found = report.run(options["names"], quick=options["quick"], write=self.stdout.write)
        except place.BenchError as error:
            raise CommandError(str(error)) from error
        if options["save"]:
            report.save(found)
