"""Wiring of the reports app."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Reports and exports."""

    name = "reports"
    verbose_name = "Reports"
