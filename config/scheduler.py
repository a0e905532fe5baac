"""Beat's scheduler: Celery's own from the database, on a sound deployment only."""

from __future__ import annotations

from typing import Any

from django.db import OperationalError, ProgrammingError
from django_celery_beat.schedulers import DatabaseScheduler

from config.celery import refuse_unsound_settings


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # no types upstream
    """Looks at the deployment before it looks at the schedule.

    Celery asks for the schedule before it says that beat begins.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        refuse_unsound_settings()
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Read the schedule; end in one line where there is none to read."""
        try:
            super().setup_schedule()
        except ProgrammingError as error:
            raise SystemExit(
                "Switchboard does not start: the database is not migrated to this version; "
                "run `python manage.py migrate`."
            ) from error
        except OperationalError as error:
            raise SystemExit(f"Switchboard does not start: {str(error).strip()}") from error
