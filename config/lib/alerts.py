"""Tell the operators: by mail, Slack and PagerDuty, whichever is configured; always in the log.

The sending runs as a job, so that a slow webhook never holds up what raised the alert.
"""

import json
import urllib.request
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import redis as redis_py
import structlog
from django.conf import settings
from django.core.mail import send_mail

from config.lib import outward, redis
from config.lib.jobs import Job

logger = structlog.get_logger(__name__)

DELIVER: Final = Job("alerts.deliver")
PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
_TIMEOUT_SECONDS = 10
_HOUR_SECONDS: Final = 3600

Channel = Callable[[str, str, str], None]


class Severity(StrEnum):
    """How urgent an alert is, in PagerDuty's words."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


def send(title: str, detail: str, severity: Severity = Severity.WARNING) -> None:
    """Log the alert and enqueue its delivery; personal data belongs in neither text."""
    logger.warning("alert", title=title, detail=detail, severity=str(severity))
    if _channels():
        DELIVER.enqueue(title=title, detail=detail, severity=str(severity))


def send_hourly(title: str, detail: str, severity: Severity = Severity.WARNING) -> None:
    """Send the alert unless one of this title was sent within the hour; without Redis, always."""
    try:
        is_first = redis.client().set(redis.key("alert", title), 1, nx=True, ex=_HOUR_SECONDS)
    except redis_py.RedisError:
        is_first = True
    if is_first:
        send(title, detail, severity)


def deliver(*, title: str, detail: str, severity: str) -> dict[str, int]:
    """Send the alert through every configured channel; return how many worked and failed."""
    outward.require_no_transaction("alerts.deliver")
    counts = {"sent": 0, "failed": 0}
    for channel in _channels():
        try:
            channel(title, detail, severity)
            counts["sent"] += 1
        except (OSError, ValueError):
            logger.exception("alert_not_delivered", channel=str(channel))
            counts["failed"] += 1
    return counts


def _channels() -> list[Channel]:
    configured = (
        (settings.ALERT_EMAILS, _mail),
        (settings.ALERT_SLACK_WEBHOOK_URL, _slack),
        (settings.ALERT_PAGERDUTY_KEY, _pagerduty),
    )
    return [channel for setting, channel in configured if setting]


def _mail(title: str, detail: str, severity: str) -> None:
    send_mail(f"[Switchboard] {severity}: {title}", detail, None, settings.ALERT_EMAILS)


def _slack(title: str, detail: str, severity: str) -> None:
    _post(settings.ALERT_SLACK_WEBHOOK_URL, {"text": f"*{severity}: {title}*\n{detail}"})


def _pagerduty(title: str, detail: str, severity: str) -> None:
    event = {
        "routing_key": settings.ALERT_PAGERDUTY_KEY,
        "event_action": "trigger",
        "dedup_key": title,
        "payload": {
            "summary": title,
            "source": settings.PUBLIC_URL,
            "severity": severity,
            "custom_details": {"detail": detail},
        },
    }
    _post(PAGERDUTY_URL, event)


def _post(url: str, body: dict[str, object]) -> None:
    if not url.startswith(("https://", "http://")):
        raise ValueError("an alert goes to an http or https address")
    request = urllib.request.Request(  # noqa: S310  # the scheme is checked above
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310  # as above
        pass
