"""Tasks run under their job's name and remember the request that caused them."""

import redis
import structlog
from celery import current_app
from celery.app.task import Context
from pytest_django import Settings

from config.celery import app
from config.lib.jobs import Job
from config.lib.tasks import task

SEEN: list[dict[str, object]] = []


@task(Job("tests.see", "webhooks"), time_limit_seconds=50)
def see(number: int, **_: object) -> dict[str, object]:
    """Note what is bound while it runs."""
    SEEN.append({**structlog.contextvars.get_contextvars(), "number": number})
    return {"seen": 1}


def test_a_task_is_registered_with_its_limits() -> None:
    registered = app.tasks["tests.see"]

    assert (registered.time_limit, registered.soft_time_limit) == (50, 45)
    assert current_app.tasks["tests.see"].name == see.name


def test_a_task_runs_in_the_name_of_its_request() -> None:
    see.push_request(id="task-1", request_id="req-1")
    try:
        assert see.run(number=1, from_a_newer_release=True) == {"seen": 1}
    finally:
        see.pop_request()

    assert SEEN[-1]["request_id"] == "req-1"
    assert SEEN[-1]["number"] == 1
    assert "request_id" not in structlog.contextvars.get_contextvars()
    assert isinstance(see.request, Context)


def test_a_task_goes_to_the_queue_of_its_job_whoever_starts_it(
    redis_server: "redis.Redis", settings: Settings
) -> None:
    app.send_task("tests.see", kwargs={"number": 1})

    assert redis_server.llen(f"{settings.REDIS_KEY_PREFIX}:webhooks") == 1


def test_alerts_have_a_task() -> None:
    app.loader.import_default_modules()

    assert "alerts.deliver" in app.tasks
