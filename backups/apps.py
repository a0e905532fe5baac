"""Wiring of the backups app."""

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Backups and their verification."""

    name = "backups"
    verbose_name = "Backups"
