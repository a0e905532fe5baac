"""What the lists of senders and their events can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from config.lib.api.filters import StrictFilterSet
from messaging.senders.models import Sender, SenderEvent


class SenderFilter(StrictFilterSet):
    """Numbers by account, quality and state."""

    account = filters.UUIDFilter(field_name="account_id")
    quality = filters.ChoiceFilter(choices=Sender.Quality.choices)
    is_default = filters.BooleanFilter()

    class Meta:
        model = Sender
        fields = ("account", "quality", "is_default")


class SenderEventFilter(StrictFilterSet):
    """Events by number, kind and time."""

    sender = filters.CharFilter(field_name="sender__phone_number_id", max_length=32)
    kind = filters.ChoiceFilter(choices=SenderEvent.Kind.choices)
    created_at__gte = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_at__lt = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = SenderEvent
        fields = ("sender", "kind")
