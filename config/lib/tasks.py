"""The base of every Celery task: registered under its job's name, bound to its request."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import structlog
from celery import Task, shared_task

from config.lib.jobs import Job

logger = structlog.get_logger(__name__)

Counts = Mapping[str, object] | None


def task(
    job: Job, *, time_limit_seconds: int = 300, **options: Any
) -> Callable[[Callable[..., Counts]], Task[..., Counts]]:
    """Register a function as the task of `job`.

    The function takes keyword arguments plus `**_` and returns counts for the log line. The
    soft limit comes a tenth before `time_limit_seconds`, which kills the process.
    """

    def register(function: Callable[..., Counts]) -> Task[..., Counts]:
        @wraps(function)
        def run(self: Task[..., Counts], **kwargs: object) -> Counts:
            with structlog.contextvars.bound_contextvars(
                request_id=self.request.get("request_id") or self.request.id, job=job.name
            ):
                counts = function(**kwargs)
                logger.info("task_done", **(counts or {}))
                return counts

        registered: Task[..., Counts] = shared_task(
            name=job.name,
            bind=True,
            queue=job.queue,
            time_limit=time_limit_seconds,
            soft_time_limit=time_limit_seconds * 0.9,
            **options,
        )(run)
        return registered

    return register
