"""What every test stands on: a database and a Redis prefix per process, a real worker."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection

from accounts import tenancy
from tests.celery_worker import Worker
from tests.database import clone


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to start without servers, with one sentence."""
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        pytest.exit(
            "Tests need PostgreSQL and Redis: run `make test`, or "
            "`python -m config.dev.embedded run -- pytest ...`.",
            returncode=4,
        )


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """Give this process a clone of the template database, used as the app's role."""
    name = f"test_switchboard_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with clone(name):
        settings.DATABASES["default"]["NAME"] = name
        connection.settings_dict["NAME"] = name
        yield
        with django_db_blocker.unblock():
            connection.close()


@pytest.fixture(autouse=True)
def sees_everything() -> Iterator[None]:
    """Let what a test writes and reads by itself pass row-level security.

    Requests and tasks start afresh; so does whatever opens a scope. Threads and the worker's
    processes know nothing of it.
    """
    with tenancy.across(tenancy.Door.COMMAND):
        yield


@pytest.fixture(scope="session")
def redis_server() -> Iterator["redis.Redis"]:
    """Return a client of the real Redis."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def clean_redis(redis_server: "redis.Redis") -> Iterator[None]:
    """Leave no key of this process behind: each test starts with an empty Redis."""
    yield
    keys = list(redis_server.scan_iter(match=f"{settings.REDIS_KEY_PREFIX}:*", count=1000))
    if keys:
        redis_server.unlink(*keys)


@pytest.fixture(scope="session")
def worker_env() -> dict[str, str]:
    """Return what the worker's environment adds to ours; a package of tests may override it."""
    return {}


@pytest.fixture(scope="session")
def worker_process(django_db_setup: None, worker_env: dict[str, str]) -> Iterator[Worker]:
    """Return the worker of this test process, not yet started."""
    worker = Worker(dict(worker_env))
    yield worker
    worker.stop()


@pytest.fixture
def worker(worker_process: Worker, transactional_db: None) -> Iterator[Worker]:
    """Return a running worker of all queues; it sees what the test commits.

    It ends with the test: left running, it would take the work of the next one.
    """
    worker_process.start()
    yield worker_process
    worker_process.stop()


@pytest.fixture
def drain(worker: Worker) -> Callable[..., None]:
    """Return a function that lets the worker run until the queues are empty."""
    return worker.drain
