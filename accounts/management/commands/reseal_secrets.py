"""`manage.py reseal_secrets`: after a field key was prepended, seal what is stored anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from accounts import seals


class Command(BaseCommand):
    """Encrypt every secret in the database under the newest field key."""

    help = "Seal access tokens, second factors and other secrets under the newest field key."

    def handle(self, *args: Any, **options: Any) -> None:
        """Reseal, and say how many of each kind."""
        for name, count in seals.reseal_all().items():
            self.stdout.write(f"{count} {name} sealed again.")
