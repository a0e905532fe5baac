"""Tasks that belong to no app."""

from config.lib import alerts
from config.lib.tasks import task


@task(alerts.DELIVER, time_limit_seconds=120)
def deliver_alert(title: str, detail: str, severity: str, **_: object) -> dict[str, object]:
    """Send one alert through every configured channel."""
    return {**alerts.deliver(title=title, detail=detail, severity=severity)}
