"""Gauges for Prometheus about backups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Max
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backups.models import Backup


class BackupGauges(Collector):
    """Say how old the last backup is that was seen to restore."""

    def collect(self) -> Iterator[Any]:
        """Yield the age, once there is such a backup."""
        verified_at = Backup.objects.aggregate(at=Max("verified_at"))["at"]
        if verified_at is not None:
            age = (timezone.now() - verified_at).total_seconds()
            text = "Seconds since the last backup that passed its verification."
            yield GaugeMetricFamily("switchboard_verified_backup_age_seconds", text, value=age)
