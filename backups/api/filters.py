"""Filters of the history of backups."""

from backups.models import Backup
from config.lib.api.filters import StrictFilterSet


class BackupFilter(StrictFilterSet):
    """Backups by status and by what started them."""

    class Meta:
        model = Backup
        fields = ["status", "trigger"]
