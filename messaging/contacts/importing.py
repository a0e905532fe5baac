"""The background half of an import: read it through for the preview, write it page by page.

A page is one transaction together with the counter of rows done, so a killed worker's successor
goes on with the next page; of two workers at once, one finds the counter moved and leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

import structlog
from django.core.files import File
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts import tenancy
from accounts.models import Business
from compliance import audit
from config.lib import storage, tables
from config.lib.apart import apart
from config.lib.tables import Row, UnreadableFile
from messaging import jobs
from messaging.contacts import pages, refused, rows
from messaging.contacts.choices import Choices
from messaging.contacts.models import ContactImport
from messaging.contacts.pages import Judge, Judged

logger = structlog.get_logger(__name__)

Status = ContactImport.Status

PREVIEW_ROWS: Final = 50
STALLED_AFTER: Final = timedelta(minutes=3)
MAX_RESUMES: Final = 20


class _TakenOver(Exception):
    """Somebody else changed the import meanwhile; this worker leaves."""


def run(*, import_id: UUID, now: datetime) -> dict[str, int]:
    """Do what the import waits for: read it through for the preview, or write its pages.

    For the job; may take minutes. Returns counts. A file that cannot be read to its end fails
    the import with a sentence.
    """
    held = ContactImport.objects.select_related("list", "created_by").filter(pk=import_id).first()
    if held is None:
        return {"rows": 0}
    try:
        if held.status in {Status.UPLOADED, Status.PREVIEWING}:
            return _preview(held, now)
        if held.status == Status.IMPORTING:
            return _write(held, now)
    except _TakenOver:
        logger.info("import_taken_over", import_id=str(import_id))
    except (UnreadableFile, FileNotFoundError) as error:
        _fail(held, error, now)
    return {"rows": 0}


@tenancy.across(tenancy.Door.SWEEP)
def resume_stalled(*, now: datetime) -> int:
    """Order again, in every business, what a lost worker left; return how many.

    For the sweep. An import that was resumed too often without an end fails.
    """
    silent = Q(progress_at__lt=now - STALLED_AFTER)
    waiting = [Status.UPLOADED, Status.PREVIEWING, Status.IMPORTING]
    stalled = ContactImport.across_businesses.filter(silent, status__in=waiting)
    count = 0
    for found in stalled.order_by("progress_at")[:100]:
        with tenancy.scope(found.business_id), apart("resume import", import_id=str(found.pk)):
            count += _resume(found.pk, now)
    return count


def locked(import_id: UUID) -> ContactImport:
    """Return the import, held until the transaction ends."""
    held: ContactImport = ContactImport.objects.select_for_update(of=("self",)).get(pk=import_id)
    return held


def enqueue(held: ContactImport) -> None:
    """Order the import's next step once the transaction commits."""
    jobs.IMPORT_CONTACTS.enqueue(business_id=str(held.business_id), import_id=str(held.pk))


def _preview(held: ContactImport, now: datetime) -> dict[str, int]:
    totals = pages.Written()
    done = 0
    _report(held, status=Status.PREVIEWING, rows_done=0, sample=[])
    with refused.collect(held.columns) as rejected, _judging(held, now) as (judge, source):
        for page in _pages(judge, source):
            judge.settle(page)
            _add(totals, pages.tally(page))
            for judged in page:
                if not judged.is_imported:
                    rejected.add(judged)
            sample = _sample(page) if done == 0 else held.sample
            done += len(page)
            held.sample = sample
            _report(held, rows_done=done, sample=sample, verdicts=dict(totals.verdicts))
        path = _keep_refused(held, rejected) if rejected.count else ""
    _report(
        held,
        status=Status.READY,
        rows_total=done,
        created_count=totals.created,
        updated_count=totals.updated,
        refused_count=totals.refused,
        refused_file=path,
    )
    return {"rows": done, "refused": totals.refused}


def _write(held: ContactImport, now: datetime) -> dict[str, int]:
    written = 0
    with _judging(held, now) as (judge, source):
        for _ in _pages(judge, islice(source, held.rows_done)):
            pass  # done by an earlier worker: only remembered, for duplicates
        done = held.rows_done
        for page in _pages(judge, source):
            _write_page(held, judge, page, done, now)
            done += len(page)
            written += len(page)
    _finish(held, done, now)
    return {"rows": written}


def _write_page(
    held: ContactImport, judge: Judge, page: Sequence[Judged], done: int, now: datetime
) -> None:
    with transaction.atomic():
        current = locked(held.pk)
        if current.status != Status.IMPORTING or current.rows_done != done:
            raise _TakenOver
        judge.settle(page)
        counted = pages.write(page, source=held, now=now)
        current.rows_done = done + len(page)
        current.created_count += counted.created
        current.updated_count += counted.updated
        current.refused_count += counted.refused
        current.verdicts = dict(Counter(current.verdicts) + counted.verdicts)
        current.save(
            update_fields=[
                "rows_done",
                "created_count",
                "updated_count",
                "refused_count",
                "verdicts",
            ]
        )
        ContactImport.objects.filter(pk=held.pk).update(progress_at=Now())


def _finish(held: ContactImport, done: int, now: datetime) -> None:
    with transaction.atomic():
        current = locked(held.pk)
        if current.status != Status.IMPORTING or current.rows_done != done:
            raise _TakenOver
        current.status = Status.DONE
        current.finished_at = now
        current.save(update_fields=["status", "finished_at"])
        audit.record(
            action="contacts.imported",
            resource="contact_import",
            resource_id=str(held.pk),
            details={"verdicts": current.verdicts, "sha256": current.sha256},
            actor=held.created_by,
        )


def _fail(held: ContactImport, error: Exception, now: datetime) -> None:
    detail = error.detail if isinstance(error, UnreadableFile) else "The file is gone."
    ContactImport.objects.filter(pk=held.pk, status__in=_WORKING).update(
        status=Status.FAILED, error=detail[:300], finished_at=now
    )


_WORKING: Final = (Status.UPLOADED, Status.PREVIEWING, Status.IMPORTING)


def _resume(import_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        held = locked(import_id)
        if held.status not in _WORKING:
            return False
        resumes = Choices.of(held.options).resumes + 1
        held.options = {**held.options, "resumes": resumes}
        held.progress_at = now
        if resumes > MAX_RESUMES:
            held.status = Status.FAILED
            held.error = "The import stopped again and again. See the worker's log."
        held.save(update_fields=["options", "progress_at", "status", "error"])
        if resumes <= MAX_RESUMES:
            enqueue(held)
    return resumes <= MAX_RESUMES


@contextmanager
def _judging(held: ContactImport, now: datetime) -> Iterator[tuple[Judge, Iterator[Row]]]:
    """Open the file for one pass: a judge without memory and the rows below the header."""
    choices = Choices.of(held.options)
    business = Business.objects.get(pk=held.business_id)
    rules = choices.rules(mapping=held.mapping, columns=held.columns, business=business, now=now)
    with (
        storage.media().open(held.file) as file,
        tables.rows(file, choices.dialect) as source,
    ):
        yield Judge(rules), islice(source, int(choices.has_header), None)


def _pages(judge: Judge, source: Iterator[Row]) -> Iterator[list[Judged]]:
    while page := judge.read(islice(source, pages.SIZE)):
        yield page


def _report(held: ContactImport, **values: Any) -> None:
    """Write progress, unless the operator changed the import meanwhile."""
    moved = ContactImport.objects.filter(
        pk=held.pk,
        status__in=[Status.UPLOADED, Status.PREVIEWING],
        options__revision=held.options["revision"],
    ).update(progress_at=Now(), **values)
    if not moved:
        raise _TakenOver


def _add(totals: pages.Written, page: pages.Written) -> None:
    totals.created += page.created
    totals.updated += page.updated
    totals.refused += page.refused
    totals.verdicts += page.verdicts


def _sample(page: Sequence[Judged]) -> list[dict[str, Any]]:
    return [
        {
            "row": judged.number,
            "cells": [cell[:200] for cell in judged.cells],
            "verdict": judged.verdict,
            "reason": judged.reason,
            "contact": rows.as_json(judged.entry) if judged.entry else None,
        }
        for judged in page[:PREVIEW_ROWS]
    ]


def _keep_refused(held: ContactImport, rejected: refused.RefusedRows) -> str:
    revision = held.options["revision"]
    path: str = storage.media().save(
        f"imports/{held.business_id}/{held.pk}-refused-{revision}.csv", File(rejected.content())
    )
    return path
