"""What the list of consents can be narrowed by."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from compliance.models import Consent, ConsentStatus, Scope
from config.lib.addresses import Address
from config.lib.api.fields import region_of
from config.lib.api.filters import StrictFilterSet


class ConsentFilter(StrictFilterSet):
    """Consents by person, scope, status and time of change."""

    phone_number = filters.CharFilter(method="of_person", max_length=140)
    scope = filters.ChoiceFilter(choices=Scope.choices)
    status = filters.ChoiceFilter(choices=ConsentStatus.choices)
    changed_at__gte = filters.IsoDateTimeFilter(field_name="changed_at", lookup_expr="gte")
    changed_at__lt = filters.IsoDateTimeFilter(field_name="changed_at", lookup_expr="lt")

    class Meta:
        model = Consent
        fields = ("scope", "status")

    def of_person(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find the person under any spelling of the number."""
        address = Address.parse(value, region=region_of({"request": self.request}))
        return rows.filter(address=address.key)
