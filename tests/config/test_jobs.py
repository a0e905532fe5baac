"""Jobs leave after the commit, carry the request id, and survive a broker that is down."""

import json
from typing import Any

import pytest
import redis
import structlog
from django.db import transaction
from pytest_django.fixtures import Settings

from config.celery import app
from config.lib.jobs import DEFAULT, QUEUES, Job

JOB = Job("tests.nothing", DEFAULT)


def waiting(server: "redis.Redis", prefix: str) -> list[dict[str, Any]]:
    return [json.loads(raw) for raw in server.lrange(f"{prefix}:{DEFAULT}", 0, -1)]


@pytest.mark.django_db(transaction=True)
def test_a_job_waits_for_the_commit(redis_server: "redis.Redis", settings: Settings) -> None:
    with transaction.atomic():
        JOB.enqueue(message_id="1")
        assert waiting(redis_server, settings.REDIS_KEY_PREFIX) == []

    (job,) = waiting(redis_server, settings.REDIS_KEY_PREFIX)
    assert job["headers"]["task"] == "tests.nothing"


@pytest.mark.django_db(transaction=True)
def test_a_job_of_a_rolled_back_transaction_never_leaves(
    redis_server: "redis.Redis", settings: Settings
) -> None:
    with transaction.atomic():
        JOB.enqueue(message_id="1")
        transaction.set_rollback(True)

    assert waiting(redis_server, settings.REDIS_KEY_PREFIX) == []


def test_a_job_carries_the_request_id(redis_server: "redis.Redis", settings: Settings) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        JOB.enqueue_now(message_id="1")

    (job,) = waiting(redis_server, settings.REDIS_KEY_PREFIX)
    assert job["headers"]["request_id"] == "req-1"


def test_a_broker_that_is_down_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    conf: Any = app.conf
    url = conf.broker_write_url
    conf.broker_write_url = "redis://127.0.0.1:1/0"
    _forget_connections()
    try:
        JOB.enqueue_now(message_id="1")
    finally:
        conf.broker_write_url = url
        _forget_connections()

    assert "job_not_sent" in caplog.text


def test_a_queue_nobody_reads_is_refused() -> None:
    with pytest.raises(ValueError, match="no such queue"):
        Job("tests.nothing", "nowhere")
    assert len(set(QUEUES)) == len(QUEUES)


def _forget_connections() -> None:
    celery: Any = app
    celery._pool = None
    celery.amqp._producer_pool = None
