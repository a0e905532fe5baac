"""Wiring of the accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who may sign in, to which business, and with which rights."""

    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Teach the API document our ways to sign in; announce sign-ins of the admin."""
        from accounts import receivers
        from accounts.api import schema  # noqa: F401  # registers itself

        receivers.connect()
