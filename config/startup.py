"""What a process does before it serves: check the deployment, wait for its database.

`python -m config.startup` does all of it and exits 1 with one line when something is
wrong; the web application and Celery repeat the part that needs no connection.
"""

import os
import sys
import time

import django
import psycopg
from django.conf import settings
from django.core.checks import ERROR, CheckMessage, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

from config import checks
from config.lib.postgres import roles

WAIT_SECONDS = 60.0


def require_sound_settings() -> None:
    """Raise ImproperlyConfigured when production lacks what it must not start without."""
    _raise_first_error(run_checks(tags=[checks.TAG]))


def require_plain_role() -> None:
    """Raise ImproperlyConfigured when the database role escapes row-level security."""
    found = run_checks(tags=[Tags.database], databases=["default"])
    _raise_first_error([one for one in found if str(one.id).startswith("config.")])


def require_serving_role() -> None:
    """Raise ImproperlyConfigured where production would serve as a role no policy binds.

    And where nothing was migrated yet. A database that does not answer is asked again by the
    first connection.
    """
    if settings.DEBUG:
        return
    if settings.DATABASE_ROLE == "owner":
        raise ImproperlyConfigured("DATABASE_ROLE=owner is for migrations, not for serving.")
    try:
        with (
            psycopg.connect(**connection.get_connection_params()) as asked,
            asked.cursor() as cursor,
        ):
            escape = roles.find_escape(cursor)
            cursor.execute("SELECT to_regclass('django_migrations') IS NULL")
            [(is_empty,)] = cursor.fetchall()
    except psycopg.OperationalError:
        return
    if escape:
        raise ImproperlyConfigured(escape)
    if is_empty:
        raise ImproperlyConfigured("The database is empty: run `python manage.py migrate`.")


def wait_for_database(*, seconds: float = WAIT_SECONDS) -> None:
    """Return once the database answers; raise OperationalError when it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            connection.close()
            return


def _raise_first_error(found: list[CheckMessage]) -> None:
    errors = [message for message in found if message.level >= ERROR]
    if errors:
        raise ImproperlyConfigured(" ".join(f"({one.id}) {one.msg}" for one in errors))


def main() -> int:
    """Check, wait, check the role; return the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        django.setup()
        require_sound_settings()
        wait_for_database()
        require_plain_role()
    except (ImproperlyConfigured, OperationalError) as error:
        sys.stderr.write(f"Switchboard does not start: {str(error).strip()}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
