"""Background jobs by name, so the domain can enqueue work without importing tasks or Celery."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from django.db import transaction
from django.utils.module_loading import import_string

logger = structlog.get_logger(__name__)

REPLIES: Final = "send.reply"
BULK: Final = "send.bulk"
WEBHOOKS: Final = "webhooks"
DEFAULT: Final = "default"
LONG: Final = "long"
BACKUPS: Final = "backups"
QUEUES: Final = (REPLIES, BULK, WEBHOOKS, DEFAULT, LONG, BACKUPS)

# Named, not imported: the layers run the other way.
_CELERY_APP = "config.celery.app"


@dataclass(frozen=True)
class Job:
    """A kind of background work: the name of its task and the queue it waits in.

    Arguments are ids and plain values. A broker that is down is logged, never raised: rows in
    the database say what is due, a job only wakes a worker sooner than its sweep would.
    """

    name: str
    queue: str = DEFAULT

    def __post_init__(self) -> None:
        """Refuse a queue no worker listens to."""
        if self.queue not in QUEUES:
            raise ValueError(f"{self.name}: no such queue: {self.queue}")

    def enqueue(self, **kwargs: object) -> None:
        """Send the job once the current transaction commits, at once outside of one."""
        transaction.on_commit(partial(self.enqueue_now, **kwargs))

    def enqueue_now(self, **kwargs: object) -> None:
        """Send the job without waiting for a commit."""
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        try:
            import_string(_CELERY_APP).send_task(
                self.name,
                kwargs=kwargs,
                queue=self.queue,
                headers={"request_id": request_id} if request_id else None,
                ignore_result=True,
                retry=False,
            )
        except Exception:
            logger.exception("job_not_sent", job=self.name, queue=self.queue)
