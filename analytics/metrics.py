"""Gauges for Prometheus, read from small tables: what waits, how long, and what came lately.

No gauge names a business or a person, and nothing here counts beyond `MOST_COUNTED` rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import connection
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from accounts.tenancy import Door, across

MOST_COUNTED: Final = 100_000

# name: (help, statement that returns one number or NULL); `now` and `most` are given.
_GAUGES: Final = {
    "switchboard_queue_size": (
        "Messages waiting to leave, counted up to 100,000.",
        "SELECT count(*) FROM (SELECT 1 FROM messaging_queueitem WHERE NOT is_held "
        "LIMIT %(most)s) AS q",
    ),
    "switchboard_queue_age_seconds": (
        "Age of the longest due message that no worker has taken.",
        "SELECT extract(epoch FROM %(now)s - min(not_before)) FROM messaging_queueitem "
        "WHERE NOT is_held AND lease_until IS NULL AND not_before <= %(now)s",
    ),
    "switchboard_in_flight": (
        "Requests to Meta under way.",
        "SELECT count(*) FROM messaging_queueitem WHERE lease_until IS NOT NULL AND is_in_flight",
    ),
    "switchboard_unknown_messages": (
        "Messages whose outcome is unknown.",
        "SELECT count(*) FROM messaging_unknownmessage",
    ),
    "switchboard_webhooks_pending": (
        "Webhook events stored and not applied, counted up to 100,000.",
        "SELECT count(*) FROM (SELECT 1 FROM messaging_pendingevent LIMIT %(most)s) AS p",
    ),
    "switchboard_webhook_lag_seconds": (
        "Age of the oldest webhook event that is due and not applied.",
        "SELECT extract(epoch FROM %(now)s - min(not_before)) FROM messaging_pendingevent "
        "WHERE not_before <= %(now)s",
    ),
    "switchboard_dead_letters": (
        "Webhook events that could not be applied and are not resolved.",
        "SELECT count(*) FROM messaging_deadletter WHERE resolved_at IS NULL",
    ),
    "switchboard_last_webhook_seconds": (
        "Seconds since Meta last spoke about any sender.",
        "SELECT extract(epoch FROM %(now)s - max(greatest(last_status_at, last_inbound_at))) "
        "FROM messaging_senderactivity",
    ),
    "switchboard_senders_paused": (
        "Senders that may not send.",
        "SELECT count(*) FROM messaging_sender WHERE paused_at IS NOT NULL",
    ),
    "switchboard_campaigns_running": (
        "Campaigns under way.",
        "SELECT count(*) FROM messaging_campaign WHERE status IN ('launching', 'running')",
    ),
}


class DatabaseGauges(Collector):
    """Read every gauge when asked; one that has nothing to say is left out."""

    def collect(self) -> Iterator[Any]:
        """Yield the gauges."""
        for name, value in _values().items():
            if value is not None:
                yield GaugeMetricFamily(name, _GAUGES[name][0], value=float(value))


@across(Door.METRICS)
def _values() -> dict[str, Any]:
    given: Any = {"now": timezone.now(), "most": MOST_COUNTED}
    values = {}
    with connection.cursor() as cursor:
        for name, (_, statement) in _GAUGES.items():
            cursor.execute(statement, given)
            values[name] = cursor.fetchone()[0]
    return values
