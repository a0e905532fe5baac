"""Let the demo business start afresh: the people who sign in stay, all it did goes."""

from __future__ import annotations

from typing import Final

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import Field, Model, ProtectedError

from accounts.models import Business
from compliance.models import AuditEntry, AuditLink, AuditPending

OURS: Final = ("accounts", "compliance", "templates_mgmt", "messaging", "analytics")
# The trail of what was deleted stays, as it would anywhere.
KEPT: Final = frozenset({AuditEntry, AuditLink, AuditPending})


@transaction.atomic
def forget(business: Business) -> None:
    """Delete the business with every row that carries its id.

    In passes: what another row still needs goes in a later one.
    """
    with connection.cursor() as cursor:
        # The ledger is append-only but for what says that it erases.
        cursor.execute("SELECT set_config('switchboard.erasing', 'on', true)")
    waiting = [model for label in OURS for model in apps.get_app_config(label).get_models()]
    waiting = [
        model
        for model in waiting
        if _has_business(model) and model._meta.concrete_model not in KEPT
    ]
    while waiting:
        left = [model for model in waiting if not _delete(model, business)]
        if len(left) == len(waiting):
            raise RuntimeError(f"rows of the demo business stay in {left}")
        waiting = left
    business.delete()


def _delete(model: type[Model], business: Business) -> bool:
    try:
        with transaction.atomic():
            model._base_manager.filter(business_id=business.pk).delete()
    except (ProtectedError, IntegrityError):
        return False
    return True


def _has_business(model: type[Model]) -> bool:
    fields = (field for field in model._meta.get_fields() if isinstance(field, Field))
    return any(field.column == "business_id" for field in fields)
