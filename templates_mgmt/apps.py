"""Wiring of the templates app."""

from django.apps import AppConfig


class TemplatesConfig(AppConfig):
    """Message templates."""

    name = "templates_mgmt"
    verbose_name = "Templates"

    def ready(self) -> None:
        """Listen to accounts."""
        from templates_mgmt import receivers

        receivers.connect()
