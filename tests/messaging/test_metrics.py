"""Prometheus sees what waits and how old it is, and no business or person."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from backups.models import Backup
from messaging.sending.models import QueueItem
from messaging.webhooks.models import PendingEvent
from tests.messaging.pump import Pump


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.METRICS_TOKEN = "scrape"


def gauges() -> dict[str, float]:
    answer = Client().get("/metrics", headers={"Authorization": "Bearer scrape"})
    lines = answer.content.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("switchboard_"))
    return {name: float(value) for name, value in pairs}


def test_an_empty_database_has_nothing_waiting(pump: Pump) -> None:
    found = gauges()

    assert found["switchboard_queue_size"] == 0
    assert found["switchboard_webhooks_pending"] == 0
    assert "switchboard_queue_age_seconds" not in found


def test_what_waits_is_counted_and_its_age_is_told(pump: Pump) -> None:
    earlier = timezone.now() - timedelta(seconds=90)
    pump.ask(pump.person("+34611000101"))
    QueueItem.objects.update(not_before=earlier)
    PendingEvent.objects.create(event_id=pump.business.pk, not_before=earlier)
    Backup.objects.create(verified_at=earlier)

    found = gauges()

    assert found["switchboard_queue_size"] == 1
    assert found["switchboard_queue_age_seconds"] == pytest.approx(90, abs=10)
    assert found["switchboard_webhook_lag_seconds"] == pytest.approx(90, abs=10)
    assert found["switchboard_verified_backup_age_seconds"] == pytest.approx(90, abs=10)
