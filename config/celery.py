"""The Celery application: `celery -A config worker`."""

import os
from collections import deque
from time import monotonic
from typing import Final

import structlog
from celery import Celery
from celery.signals import (
    celeryd_init,
    heartbeat_sent,
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from redis import RedisError

from config.lib import redis
from config.lib.postgres import doors

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

logger = structlog.get_logger(__name__)

HEARTBEAT: Final = ("worker", "heartbeat")
_HEARTBEAT_EVERY_SECONDS = 10

app = Celery("switchboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_routes = ["config.lib.tasks.route"]
app.autodiscover_tasks()
app.autodiscover_tasks(["config"])

_last_heartbeat = 0.0


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Stop Celery from configuring logging: Django's settings have done so."""


@worker_ready.connect
@heartbeat_sent.connect
def record_heartbeat(**_: object) -> None:
    """Leave a sign of life in Redis that ends with the worker; health reads it."""
    global _last_heartbeat  # one worker process, one clock
    if monotonic() - _last_heartbeat < _HEARTBEAT_EVERY_SECONDS:
        return
    _last_heartbeat = monotonic()
    try:
        redis.client().set(redis.key(*HEARTBEAT), "1", ex=settings.HEALTH_HEARTBEAT_SECONDS)
    except RedisError:
        logger.warning("heartbeat_not_recorded")


@worker_process_shutdown.connect
def tell_of_doors(**_: object) -> None:
    """Tell what is left to tell: a child of the pool ends without Python's own farewell."""
    doors.tell_rest()


@worker_process_init.connect
def keep_no_statements(**_: object) -> None:
    """Keep none of the statements Django remembers while DEBUG=1: of an import, 9,000 pages."""
    for one in connections.all():
        one.queries_log = deque(maxlen=0)


@celeryd_init.connect
def refuse_unsound_settings(**_: object) -> None:
    """Stop a worker, or beat by its scheduler, that production must not start."""
    from config.startup import (
        require_serving_role,
        require_sound_settings,
    )  # its checks need the apps loaded

    try:
        require_sound_settings()
        require_serving_role()
    except ImproperlyConfigured as error:
        # Celery logs and ignores any other exception of a signal's receiver.
        raise SystemExit(f"Switchboard does not start: {error}") from error
