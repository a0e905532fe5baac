"""`manage.py serve`: everything a developer needs, in one terminal (`make run`)."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.dev.processes import Stack, StackError, ignore_signals, leave_on_sigterm


class Command(BaseCommand):
    """Start servers, migrate, make the demo business, then serve until Ctrl-C."""

    help = "Start PostgreSQL, Redis, web, worker, beat and the sandbox; serve until Ctrl-C."
    requires_system_checks: list[str] = []
    business_options: tuple[str, ...] = ()
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
            stack.manage("demo_business", *self.business_options)
            self.stdout.write(f"Switchboard: {stack.web_url}/admin/")
            self.stdout.write(f"Sandbox:     {stack.sandbox_url}/")
            self.stay(stack, **options)
        except KeyboardInterrupt:
            self.stdout.write("\nStopping...")
        except StackError as error:
            raise CommandError(str(error)) from error
        finally:
            ignore_signals()
            stack.stop()

    def stay(self, stack: Stack, **options: Any) -> None:
        """Stay up until Ctrl-C or until a process ends by itself."""
        self.stdout.write("Ctrl-C stops everything.")
        stack.wait()
