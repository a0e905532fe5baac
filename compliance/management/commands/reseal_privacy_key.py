"""`manage.py reseal_privacy_key`: after a field key was prepended, seal the privacy key anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from compliance.privacy import keys, records


class Command(BaseCommand):
    """Store the secret of the suppression list under the newest field key, here and outside."""

    help = "Seal the secret of the suppression list under the newest of FIELD_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Reseal, and say how many."""
        keys.reseal()
        self.stdout.write(f"{records.store_keys()} privacy keys sealed again.")
