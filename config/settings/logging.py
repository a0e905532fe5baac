"""Log lines, errors to Sentry, alerts, metrics, health."""

from logging import DEBUG as DEBUG_LEVEL

import sentry_sdk

from config.env import env
from config.lib.logging import scrub_sentry, settings_for

LOG_FORMAT = env.str(
    "LOG_FORMAT", default="console" if env.bool("DEBUG", default=False) else "json"
)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
LOGGING = settings_for(LOG_FORMAT, LOG_LEVEL)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# The id comes from RequestIdMiddleware, which has checked it; addresses and users stay out of
# the request lines because they are personal data: the audit trail has them.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_USER_ID_FIELD = ""
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = DEBUG_LEVEL

SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="")
if SENTRY_DSN:
    sentry_sdk.init(
        dsn=SENTRY_DSN,
        environment=SENTRY_ENVIRONMENT or None,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=scrub_sentry,
    )

ALERT_EMAILS = env.list("ALERT_EMAILS", default=[])
ALERT_SLACK_WEBHOOK_URL = env.str("ALERT_SLACK_WEBHOOK_URL", default="")
ALERT_PAGERDUTY_KEY = env.str("ALERT_PAGERDUTY_KEY", default="")

# With several web processes, a directory they share makes /metrics add up all of them.
PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")
# Scrapers show this as a bearer token; without it /metrics is closed when DEBUG=0.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Dotted paths of prometheus_client collectors that read gauges from the database.
METRICS_COLLECTORS = ["analytics.metrics.DatabaseGauges", "backups.metrics.BackupGauges"]

HEALTH_MIN_FREE_BYTES = env.int("HEALTH_MIN_FREE_BYTES", default=500 * 1024 * 1024)
HEALTH_HEARTBEAT_SECONDS = env.int("HEALTH_HEARTBEAT_SECONDS", default=60)
