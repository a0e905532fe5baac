"""Is it alive, is it ready, and how is it doing: for load balancers and Prometheus."""

import hmac
import ipaddress
import shutil
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import redis as redis_py
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError as BrokerDown
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from config.celery import HEARTBEAT, app
from config.lib import redis

logger = structlog.get_logger(__name__)

_BROKER_SECONDS = 2


class NotReady(Exception):
    """A check failed; the message is shown to whoever asks."""


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Say that this process answers; depends on nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Run every check; 503 when one fails, with the result of each."""
    checks = {name: _result(name, check) for name, check in _CHECKS.items()}
    is_ready = all(check["status"] == "ok" for check in checks.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "failed", "checks": checks},
        status=200 if is_ready else 503,
        headers={"Cache-Control": "no-store"} | ({} if is_ready else {"Retry-After": "5"}),
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics of all processes to who shows the token; 404 to anyone else."""
    if not _may_scrape(request):
        raise Http404
    registries = [_process_registry(), _database_registry()]
    text = b"".join(generate_latest(registry) for registry in registries)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _result(name: str, check: Callable[[], None]) -> dict[str, str]:
    try:
        check()
    except NotReady as error:
        return {"status": "failed", "detail": str(error)}
    except (DatabaseError, redis_py.RedisError, BrokerDown, OSError) as error:
        logger.warning("health_check_failed", check=name, error=type(error).__name__)
        return {"status": "failed", "detail": "not reachable"}
    return {"status": "ok"}


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _redis() -> None:
    redis.client().ping()


def _broker() -> None:
    with app.connection_for_write(connect_timeout=_BROKER_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, timeout=_BROKER_SECONDS)


def _workers() -> None:
    if not redis.client().exists(redis.key(*HEARTBEAT)):
        raise NotReady(f"no heartbeat for {settings.HEALTH_HEARTBEAT_SECONDS} s")


def _migrations() -> None:
    pending = _known_migrations() - set(MigrationRecorder(connection).applied_migrations())
    if pending:
        raise NotReady(f"{len(pending)} pending")


def _disk() -> None:
    free = shutil.disk_usage(settings.STATIC_ROOT.parent).free
    if free < settings.HEALTH_MIN_FREE_BYTES:
        raise NotReady(f"{free // 1024 // 1024} MB free")


_CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "redis": _redis,
    "broker": _broker,
    "workers": _workers,
    "migrations": _migrations,
    "disk": _disk,
}


@lru_cache(maxsize=1)
def _known_migrations() -> frozenset[tuple[str, str]]:
    """Return what this code expects to be applied; the files do not change while it runs."""
    migrations = MigrationLoader(None).disk_migrations.items()
    return frozenset(name for name, migration in migrations if not migration.replaces)


def _may_scrape(request: HttpRequest) -> bool:
    """Allow who shows the token; in development also this machine, without a proxy."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    expected = settings.METRICS_TOKEN
    is_known = hmac.compare_digest(given.encode(), expected.encode())
    if expected and scheme.lower() == "bearer" and is_known:
        return True
    return settings.DEBUG and _is_from_here(request)


def _is_from_here(request: HttpRequest) -> bool:
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _process_registry() -> CollectorRegistry:
    if not settings.PROMETHEUS_MULTIPROC_DIR:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=settings.PROMETHEUS_MULTIPROC_DIR)  # type: ignore[no-untyped-call]  # not typed upstream
    return registry


def _database_registry() -> CollectorRegistry:
    """Return gauges read from the database now, the same whichever process is asked."""
    registry = CollectorRegistry()
    for path in settings.METRICS_COLLECTORS:
        collector: Any = import_string(path)()
        registry.register(collector)
    return registry
