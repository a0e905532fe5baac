"""Wiring of the messaging app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Senders, contacts, messages, campaigns and webhooks."""

    name = "messaging"
    verbose_name = "Messaging"

    def ready(self) -> None:
        from messaging import (
            grantable,
            privacy,
            receivers,  # noqa: F401  # connects the receivers
        )

        grantable.register()
        privacy.register()
