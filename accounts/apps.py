"""Wiring of the accounts app."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from config.lib.postgres.protection import protect


class AccountsConfig(AppConfig):
    """Who may sign in, to which business, and with which rights."""

    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Teach the API document our ways to sign in; announce sign-ins of the admin."""
        from accounts import receivers
        from accounts.api import schema  # noqa: F401  # registers itself

        receivers.connect()
        # Sent once for each app, when all of them are migrated: one of them is enough.
        post_migrate.connect(_protect, sender=self, dispatch_uid="accounts.protect")


def _protect(using: str, **_: Any) -> None:
    protect(connections[using])
