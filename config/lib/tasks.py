"""The base of every Celery task: registered under its job's name, bound to its request."""

from collections.abc import Callable, Mapping
from functools import wraps

import structlog
from celery import Task, shared_task

from config.lib.jobs import Job
from config.lib.postgres import sight

logger = structlog.get_logger(__name__)

_QUEUES: dict[str, str] = {}

Counts = Mapping[str, object] | None


def task(
    job: Job, *, time_limit_seconds: int = 300, acks_late: bool = True
) -> Callable[[Callable[..., Counts]], Task[..., Counts]]:
    """Register a function as the task of `job`.

    The function takes keyword arguments plus `**_` and returns counts for the log line; it starts
    with no business in scope and no door open. The
    soft limit comes a tenth before `time_limit_seconds`, which kills the process.
    """

    _QUEUES[job.name] = job.queue

    def register(function: Callable[..., Counts]) -> Task[..., Counts]:
        @wraps(function)
        def run(self: Task[..., Counts], **kwargs: object) -> Counts:
            request_id = self.request.get("request_id") or self.request.id
            bound = structlog.contextvars.bound_contextvars(request_id=request_id, job=job.name)
            with sight.afresh(), bound:
                counts = function(**kwargs)
                logger.info("task_done", **(counts or {}))
                return counts

        registered: Task[..., Counts] = shared_task(
            name=job.name,
            bind=True,
            time_limit=time_limit_seconds,
            soft_time_limit=time_limit_seconds * 9 // 10,
            acks_late=acks_late,
        )(run)
        return registered

    return register


def route(name: str, *_: object, **__: object) -> dict[str, str] | None:
    """Return the queue of a task by name: Celery's router, for what beat starts."""
    queue = _QUEUES.get(name)
    return {"queue": queue} if queue else None
