"""What the audit trail can be narrowed by."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from compliance.audit import canonical
from compliance.models import AuditEntry
from config.lib.api.filters import StrictFilterSet
from config.lib.errors import InvalidInput


class AuditFilter(StrictFilterSet):
    """Entries by who, what, on which object, from where, in which request, and when.

    `action` takes a whole action (`campaign.approved`) or a family (`campaign.`).
    """

    actor = filters.NumberFilter(field_name="actor_id", min_value=0, max_value=2**63 - 1)
    api_key = filters.UUIDFilter(field_name="api_key_id")
    action = filters.CharFilter(method="by_action", max_length=60)
    origin = filters.ChoiceFilter(choices=AuditEntry.Origin.choices)
    resource = filters.CharFilter(max_length=60)
    resource_id = filters.CharFilter(max_length=64)
    ip_address = filters.CharFilter(method="by_address", max_length=64)
    request_id = filters.CharFilter(max_length=128)
    created_at__gte = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_at__lt = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields = ("origin", "resource", "resource_id", "request_id")

    def by_action(self, rows: QuerySet[Any], _: str, value: str) -> QuerySet[Any]:
        """Keep one action, or all that start alike when a dot ends the value."""
        lookup = "action__startswith" if value.endswith(".") else "action"
        return rows.filter(**{lookup: value})

    def by_address(self, rows: QuerySet[Any], _: str, value: str) -> QuerySet[Any]:
        """Keep what came from one network address; raises `InvalidInput` when it is none."""
        address = canonical.address(value)
        if address is None:
            raise InvalidInput("This is no network address.", attr="ip_address")
        return rows.filter(ip_address=address)
