"""Secrets in the database, sealed anew after a field key was prepended."""

from __future__ import annotations

from typing import Any, Final

import structlog
from django.apps import apps
from django.db import transaction
from django.db.models import Model

from accounts.tenancy import Door, across
from config.lib import crypto
from config.lib.crypto import EncryptedTextField

logger = structlog.get_logger(__name__)

BATCH: Final = 500


@across(Door.COMMAND)
def reseal_all() -> dict[str, int]:
    """Encrypt every stored secret again under the newest key; return how many rows of each kind."""
    counts = {
        model._meta.verbose_name_plural: _reseal(model, names)
        for model in apps.get_models()
        if (names := _sealed(model))
    }
    logger.info("secrets_resealed", count=sum(counts.values()), key=crypto.key_fingerprint())
    return {str(name): count for name, count in counts.items()}


def _sealed(model: type[Model]) -> list[str]:
    fields = model._meta.concrete_fields
    return [field.name for field in fields if isinstance(field, EncryptedTextField)]


def _reseal(model: type[Model], names: list[str]) -> int:
    done, last = 0, None
    while True:
        rows: Any = model._base_manager.order_by("pk")
        rows = rows.filter(pk__gt=last) if last is not None else rows
        ids = list(rows.values_list("pk", flat=True)[:BATCH])
        if not ids:
            return done
        done += _reseal_page(model, names, ids)
        last = ids[-1]


@transaction.atomic
def _reseal_page(model: type[Model], names: list[str], ids: list[Any]) -> int:
    """Write the secrets as they are under the lock of their rows: one may be replaced meanwhile."""
    rows: Any = model._base_manager.select_for_update(no_key=True).filter(pk__in=ids)
    found = list(rows.order_by("pk").values("pk", *names))
    for row in found:
        pk = row.pop("pk")
        model._base_manager.filter(pk=pk).update(**row)
    return len(found)
