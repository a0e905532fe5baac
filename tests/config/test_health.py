"""Load balancers learn whether to send traffic, Prometheus how it goes."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from config.celery import record_heartbeat
from config.lib import redis

DOWN = "redis://127.0.0.1:1/0"


def test_alive_needs_nothing(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = DOWN

    assert client.get("/health/live").json() == {"status": "ok"}


@pytest.mark.django_db
def test_ready_with_everything_up(client: Client, settings: Settings) -> None:
    settings.HEALTH_MIN_FREE_BYTES = 0
    redis.client().set(redis.key("worker", "heartbeat"), "1")

    response = client.get("/health/ready")

    checks = response.json()["checks"]
    assert {name for name, check in checks.items() if check["status"] != "ok"} <= {"migrations"}
    assert set(checks) == {"database", "redis", "broker", "workers", "migrations", "disk"}


@pytest.mark.django_db
def test_a_check_that_fails_is_named(client: Client, settings: Settings) -> None:
    settings.HEALTH_MIN_FREE_BYTES = 2**62

    response = client.get("/health/ready")

    checks = response.json()["checks"]
    assert response.status_code == 503
    assert response["Retry-After"]
    assert checks["workers"]["detail"] == "no heartbeat for 60 s"
    assert "MB free" in checks["disk"]["detail"]


@pytest.mark.django_db
def test_redis_down_is_not_ready_and_tells_no_addresses(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = DOWN

    response = client.get("/health/ready")

    assert response.status_code == 503
    assert response.json()["checks"]["redis"] == {"status": "failed", "detail": "not reachable"}
    assert b"127.0.0.1" not in response.content


def test_a_worker_leaves_a_heartbeat() -> None:
    record_heartbeat()

    assert redis.client().ttl(redis.key("worker", "heartbeat")) > 0


@pytest.mark.django_db
def test_metrics_in_development_are_for_this_machine(client: Client, settings: Settings) -> None:
    settings.DEBUG = True

    response = client.get("/metrics")

    assert response.status_code == 200
    assert b"python_info" in response.content
    forwarded = {"X-Forwarded-For": "8.8.8.8"}
    assert client.get("/metrics", headers=forwarded).status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 404


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", "8.8.8.8", ""])
def test_metrics_without_a_token_are_for_nobody_in_production(client: Client, address: str) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": ""}):
        assert client.get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "headers"),
    [("8.8.8.8", {}), ("127.0.0.1", {}), ("127.0.0.1", {"X-Forwarded-For": "8.8.8.8"}), ("", {})],
)
def test_metrics_are_for_who_shows_the_token(
    client: Client, settings: Settings, address: str, headers: dict[str, str]
) -> None:
    settings.METRICS_TOKEN = "scrape"

    assert client.get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == 404
    for value in ("Bearer nope", "scrape", "Basic scrape"):
        wrong = headers | {"Authorization": value}
        assert client.get("/metrics", headers=wrong, REMOTE_ADDR=address).status_code == 404
    right = headers | {"Authorization": "Bearer scrape"}
    assert client.get("/metrics", headers=right, REMOTE_ADDR=address).status_code == 200
