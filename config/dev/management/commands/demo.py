"""`manage.py demo`: everything `serve` starts, and a campaign that arrives in the sandbox."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from config.dev import demo
from config.dev.demo_business import PASSWORD, PEOPLE, PLATFORM_ADMIN
from config.dev.management.commands import serve
from config.dev.processes import Stack
from config.env import DATA_DIR

OTHERS = ", ".join([*(email for email, _, _ in PEOPLE if email != demo.OWNER), PLATFORM_ADMIN])


class Command(serve.Command):
    """Play the main job on `examples/contacts.csv`, then stay up; `--exit` stops after it."""

    help = "Start everything and show a campaign arrive; --exit stops after it."
    log_dir = DATA_DIR / "logs"

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of `serve` too."""
        super().add_arguments(parser)
        parser.add_argument("--exit", action="store_true", help="stop after the campaign")

    def make_business(self, stack: Stack) -> None:
        """Make the demo business afresh, and say so where it was there."""
        stack.manage("demo_business", "--afresh", "--quiet", env=serve.QUIET)

    def stay(self, stack: Stack, **options: Any) -> None:
        """Play the campaign and show its end; stay up unless told to exit."""
        try:
            result = demo.play(web=stack.web_url, sandbox=stack.sandbox_url)
        except (demo.DemoError, OSError) as error:
            raise CommandError(f"{error} Logs: {self.log_dir}") from error
        demo.show(result)
        if result.wrong and options["exit"]:
            raise CommandError(f"The campaign did not end as it must. Logs: {self.log_dir}")
        if options["exit"]:
            return
        self.say("")
        self.say(f"  Admin:   {stack.web_url}/admin/  ({demo.OWNER}, password: {PASSWORD})")
        self.say(f"           as others: {OTHERS} (same password)")
        self.say(f"  Phones:  {stack.sandbox_url}/")
        self.say(f"  Logs:    {self.log_dir}")
        super().stay(stack, **options)
