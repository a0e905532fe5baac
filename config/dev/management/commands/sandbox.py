"""`manage.py sandbox`: serve a stand-in for Meta's Graph API."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.dev.sandbox import options, server


class Command(BaseCommand):
    """Run the sandbox; the same as `python -m config.dev.sandbox`."""

    help = "Serve a local stand-in for Meta's Graph API, with signed webhooks and a phone page."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options of the sandbox."""
        options.add_arguments(parser)

    def handle(self, *args: Any, **arguments: Any) -> None:
        """Serve until interrupted."""
        sys.exit(server.run(options.from_arguments(arguments)))
