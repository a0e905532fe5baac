"""`manage.py serve`: everything a developer needs, in one terminal (`make run`)."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.dev.processes import Stack, StackError, ignore_signals, leave_on_sigterm

QUIET = {"LOG_LEVEL": "WARNING"}


class Command(BaseCommand):
    """Start servers, migrate, make the demo business, then serve until Ctrl-C."""

    help = "Start PostgreSQL, Redis, web, worker, beat and the sandbox; serve until Ctrl-C."
    requires_system_checks: list[str] = []
    log_dir: Path | None = None

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the ports from the environment by default."""
        parser.add_argument("--port", type=int, default=os.environ.get("PORT") or 8000)
        parser.add_argument(
            "--sandbox-port", type=int, default=os.environ.get("SANDBOX_PORT") or 8001
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve; raise CommandError with one line when something cannot start or ends."""
        stack = Stack(
            port=options["port"], sandbox_port=options["sandbox_port"], log_dir=self.log_dir
        )
        leave_on_sigterm()
        try:
            stack.start()
            self.make_business(stack)
            self.stay(stack, **options)
        except KeyboardInterrupt:
            self.say("\nStopping...")
        except StackError as error:
            raise CommandError(str(error)) from error
        finally:
            ignore_signals()
            stack.stop()

    def make_business(self, stack: Stack) -> None:
        """Make what is missing of the demo business and say where everything is."""
        stack.manage("demo_business", env=QUIET)
        self.say(f"Switchboard: {stack.web_url}/admin/")
        self.say(f"Sandbox:     {stack.sandbox_url}/")

    def stay(self, stack: Stack, **options: Any) -> None:
        """Stay up until Ctrl-C or until a process ends by itself."""
        self.say("Ctrl-C stops everything.")
        stack.wait()

    def say(self, line: str) -> None:
        """Write the line now, also where nobody reads it from a terminal."""
        self.stdout.write(line)
        self.stdout.flush()
