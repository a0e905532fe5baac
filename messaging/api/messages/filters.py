"""What the list of messages can be narrowed by."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from config.lib.addresses import Address
from config.lib.api.fields import region_of
from config.lib.api.filters import StrictFilterSet
from messaging.contacts import people
from messaging.conversations.models import Conversation
from messaging.messages.models import Message
from messaging.messages.periods import first_id
from messaging.senders.models import Sender
from messaging.sending import leaving


class MessageFilter(StrictFilterSet):
    """Messages by what they are, who they are between and when.

    `to` and `from` take a phone number in any spelling or a Meta user id.
    """

    direction = filters.ChoiceFilter(choices=Message.Direction.choices)
    status = filters.ChoiceFilter(choices=Message.Status.choices, method="by_status")
    type = filters.CharFilter(max_length=24)
    sender = filters.CharFilter(field_name="sender__phone_number_id", max_length=32)
    to = filters.CharFilter(method="between", max_length=140)
    campaign = filters.UUIDFilter(field_name="campaign_id")
    conversation = filters.UUIDFilter(method="of_conversation")
    created_at__gte = filters.IsoDateTimeFilter(method="by_time")
    created_at__lt = filters.IsoDateTimeFilter(method="by_time")

    class Meta:
        model = Message
        fields = ("direction", "status", "type")

    @classmethod
    def get_filters(cls) -> OrderedDict[str, Any]:
        """Add `from`, which Python does not let a class declare."""
        found: OrderedDict[str, Any] = super().get_filters()
        found["from"] = filters.CharFilter(method="between", max_length=140)
        return found

    def by_status(self, rows: QuerySet[Any], _: str, value: str) -> QuerySet[Any]:
        """Keep one status; what is under way is known to the queue alone."""
        return leaving.only(rows) if value == "sending" else rows.filter(status=value)

    def between(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep messages to (or from) a person or a number of ours."""
        address = Address.parse(value, region=region_of({"request": self.request})).value
        ours, theirs = Message.Direction.OUTBOUND, Message.Direction.INBOUND
        if name == "to":
            ours, theirs = theirs, ours
        sender = Sender.objects.filter(phone=address).first()
        if sender is not None:
            return rows.filter(direction=ours, sender=sender)
        contact = people.find(address)
        return rows.filter(direction=theirs, contact=contact) if contact else rows.none()

    def of_conversation(self, rows: QuerySet[Any], _: str, value: Any) -> QuerySet[Any]:
        """Keep what one sender and one person said to each other."""
        found = Conversation.objects.filter(pk=value).first()
        if found is None:
            return rows.none()
        return rows.filter(contact_id=found.contact_id, sender_id=found.sender_id)

    def by_time(self, rows: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        """Keep a range of ids: only its months are read."""
        lookup = name.rpartition("__")[2]
        return rows.filter(Q(**{f"id__{lookup}": first_id(value)}))
