"""`manage.py demo`: everything `serve` starts, and a campaign that arrives in the sandbox."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from config.dev import demo
from config.dev.demo_business import PASSWORD
from config.dev.management.commands import serve
from config.dev.processes import Stack
from config.env import DATA_DIR


class Command(serve.Command):
    """Play the main job on `examples/contacts.csv`, then stay up; `--exit` stops after it."""

    help = "Start everything and show a campaign arrive; --exit stops after it."
    business_options = ("--afresh",)
    log_dir = DATA_DIR / "logs"

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of `serve` too."""
        super().add_arguments(parser)
        parser.add_argument("--exit", action="store_true", help="stop after the campaign")

    def stay(self, stack: Stack, **options: Any) -> None:
        """Play the campaign and show its end; stay up unless told to exit."""
        try:
            result = demo.play(web=stack.web_url, sandbox=stack.sandbox_url)
        except (demo.DemoError, OSError) as error:
            raise CommandError(f"{error} Logs: {self.log_dir}") from error
        demo.show(result)
        if result.wrong and options["exit"]:
            raise CommandError(f"The campaign did not end as it must. Logs: {self.log_dir}")
        self.stdout.write("")
        self.stdout.write(
            f"  Admin:   {stack.web_url}/admin/  ({demo.OWNER}, password: {PASSWORD})"
        )
        self.stdout.write(f"  Phones:  {stack.sandbox_url}/")
        self.stdout.write(f"  Logs:    {self.log_dir}")
        if not options["exit"]:
            super().stay(stack, **options)
