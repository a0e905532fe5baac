"""Wiring of the analytics app."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Roll-ups and the numbers read from them."""

    name = "analytics"
    verbose_name = "Analytics"

    def ready(self) -> None:
        from analytics import receivers  # noqa: F401  # connects the receivers
