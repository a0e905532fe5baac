"""The data follows the layers too: no relation points up, and every job has a task."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from django.apps import apps
from django.db.models import Field, Model

import config.celery
from accounts.tenancy import NoBusinessInScope, TenantModel
from config.lib import tasks as task_base
from config.lib.jobs import Job

# Lowest first; apps of one level stay apart.
LEVELS = [
    {"accounts"},
    {"compliance"},
    {"templates_mgmt"},
    {"messaging"},
    {"analytics"},
    {"reports", "backups"},
]
OURS = [name for level in LEVELS for name in level]


def level_of(app_label: str) -> int:
    return next(index for index, level in enumerate(LEVELS) if app_label in level)


def our_models() -> list[type[Model]]:
    return [model for label in OURS for model in apps.get_app_config(label).get_models()]


def relations() -> list[Field[object, object]]:
    return [
        field
        for model in our_models()
        for field in model._meta.get_fields()
        if isinstance(field, Field) and field.related_model in our_models()
    ]


def test_every_relation_points_down() -> None:
    upward = [
        str(field)
        for field in relations()
        if field.model._meta.app_label != field.related_model._meta.app_label  # type: ignore[union-attr]  # a relation
        and level_of(field.related_model._meta.app_label)  # type: ignore[union-attr]  # a relation
        >= level_of(field.model._meta.app_label)
    ]

    assert relations()
    assert upward == []


def test_every_model_with_a_business_is_a_tenant_model_or_says_why_not() -> None:
    # Kept apart from the scope: who may enter it, and rows that may belong to no business.
    known = {"Membership", "IdempotencyRecord", "DeadLetter"}
    known |= {"AuditEntry", "AuditLink", "AuditPending", "PlatformEntry", "RowChange"}

    loose = {
        model.__name__
        for model in our_models()
        if not issubclass(model, TenantModel)
        and any(field.name == "business" for field in model._meta.fields)
    }

    assert loose == known


@pytest.mark.parametrize(
    "model", [model for model in our_models() if issubclass(model, TenantModel)]
)
def test_tenant_rows_cannot_be_read_outside_a_business(model: type[TenantModel]) -> None:
    with pytest.raises(NoBusinessInScope):
        model.objects.all()


def all_jobs() -> dict[str, Job]:
    found = {}
    for package in ["config.lib", *OURS]:
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if module.name.endswith((".jobs", ".alerts")):
                values = vars(importlib.import_module(module.name)).values()
                found.update({value.name: value for value in values if isinstance(value, Job)})
    return found


def test_every_job_has_a_task_in_its_queue() -> None:
    config.celery.app.loader.import_default_modules()
    tasks = config.celery.app.tasks

    missing = [name for name in all_jobs() if name not in tasks]
    routed = {name: task_base.route(name) for name in all_jobs()}
    misplaced = [name for name, job in all_jobs().items() if routed[name] != {"queue": job.queue}]

    assert all_jobs()
    assert missing == []
    assert misplaced == []


def test_beat_starts_only_jobs_that_exist() -> None:
    scheduled = {entry["task"] for entry in config.celery.app.conf.beat_schedule.values()}

    assert scheduled - set(all_jobs()) == set()
