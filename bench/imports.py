"""An import of contacts with consent: preview and writing, wall time and peak memory."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench import place, wire

ROWS: Final = 100_000


def measure(*, quick: bool) -> dict[str, Any]:
    """Return rows per second, and the peak of the worker and of its database connection."""
    from bench import rows

    count = ROWS // 10 if quick else ROWS
    rows.forget_everything()
    shop = rows.make_shop()
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        write_file(file, count)
        found = place.together(
            [place.Child(["-m", "bench.imports", str(shop.business.pk), file.name])]
        )[0]
    if found["imported"] != count:
        raise place.BenchError(f"{found['imported']} of {count} rows were imported.")
    seconds = found["preview_seconds"] + found["write_seconds"]
    return {
        "rate": round(count / seconds),
        "rows": count,
        **found,
        "detail": f"{count} rows: preview {found['preview_seconds']:.1f} s, "
        f"writing {found['write_seconds']:.1f} s, worker {found['worker_peak_mib']} MiB, "
        f"database backend {found['backend_peak_mib']} MiB",
    }


def write_file(file: Any, count: int) -> None:
    file.write("name,phone,language,city,tags,consent,consent date\n")
    for one in range(count):
        file.write(f"Ana {one},{wire.phone_of(one)},es,Madrid,spring;vip,yes,2026-05-04\n")
    file.flush()


def work(business_id: str, path: str) -> dict[str, Any]:
    """Take the file in and do the import's work here."""
    from django.db import connection
    from django.utils import timezone

    from accounts import tenancy
    from messaging.contacts import imports

    with tenancy.across(tenancy.Door.COMMAND):
        business = _business(business_id)
    with tenancy.scope(business), Path(path).open("rb") as file:
        place.ready_to_start()
        began = time.perf_counter()
        made = imports.create(file=file, filename="people.csv", by=None, now=timezone.now())
        imports.run(import_id=made.pk, now=timezone.now())
        previewed = time.perf_counter()
        imports.commit(made, by=None, now=timezone.now())
        imports.run(import_id=made.pk, now=timezone.now())
        ended = time.perf_counter()
        made.refresh_from_db()
    return {
        "imported": made.created_count,
        "preview_seconds": round(previewed - began, 2),
        "write_seconds": round(ended - previewed, 2),
        "worker_peak_mib": place.peak_kib() // 1024,
        "backend_peak_mib": place.peak_kib(_backend(connection)) // 1024,
    }


def _business(business_id: str) -> Any:
    from accounts.models import Business

    return Business.objects.get(pk=business_id)


def _backend(connection: Any) -> int:
    """Return the process id of the server's end of a connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        found: int = cursor.fetchone()[0]
    return found


if __name__ == "__main__":
    import django

    django.setup()
    place.answer(work(*sys.argv[1:]))
