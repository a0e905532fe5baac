"""What lists of contacts, tags, lists and imports can be narrowed by."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from config.lib import addresses
from config.lib.api.fields import region_of
from config.lib.api.filters import StrictFilterSet
from config.lib.errors import InvalidInput
from messaging.contacts import tags
from messaging.contacts.models import Contact, ContactImport, ContactList, Tag

SHORTEST_SEARCH = 3


class ContactFilter(StrictFilterSet):
    """People by address, group, name or age."""

    phone = filters.CharFilter(method="by_phone", label="A phone number in any spelling.")
    bsuid = filters.CharFilter()
    tag = filters.CharFilter(method="by_tag")
    list = filters.UUIDFilter(field_name="list_entries__list_id")
    name__icontains = filters.CharFilter(method="by_name")
    country = filters.CharFilter(lookup_expr="iexact")
    language = filters.CharFilter()
    created_at__gte = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_at__lt = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Contact
        fields = ("bsuid", "language")

    def by_phone(self, rows: QuerySet[Any], _: str, text: str) -> QuerySet[Any]:
        """Keep the person with this number; raises for a text that is none."""
        try:
            number = addresses.parse_phone(text, region=region_of({"request": self.request}))
        except addresses.InvalidAddress as error:
            raise InvalidInput(error.detail, code=error.code, attr="phone") from error
        return rows.filter(phone_key=addresses.phone_key(number))

    def by_tag(self, rows: QuerySet[Any], _: str, name: str) -> QuerySet[Any]:
        """Keep contacts with the tag, in any spelling; raises for a text that is none."""
        try:
            wanted = tags.normalise(name)
        except tags.BadTag as error:
            raise InvalidInput(error.detail, code=error.code, attr="tag") from error
        return rows.filter(tag_entries__tag__name=wanted)

    def by_name(self, rows: QuerySet[Any], _: str, text: str) -> QuerySet[Any]:
        """Keep contacts whose name contains the text; too short a text would match everyone."""
        if len(text.strip()) < SHORTEST_SEARCH:
            raise InvalidInput(
                f"Search for at least {SHORTEST_SEARCH} characters.", attr="name__icontains"
            )
        return rows.filter(name__icontains=text.strip())


class TagFilter(StrictFilterSet):
    """Tags by name."""

    name = filters.CharFilter(lookup_expr="iexact")

    class Meta:
        model = Tag
        fields = ("name",)


class ListFilter(StrictFilterSet):
    """Lists by name."""

    name = filters.CharFilter(lookup_expr="iexact")

    class Meta:
        model = ContactList
        fields = ("name",)


class ImportFilter(StrictFilterSet):
    """Imports by status."""

    status = filters.ChoiceFilter(choices=ContactImport.Status.choices)

    class Meta:
        model = ContactImport
        fields = ("status",)
