"""Every model of messaging; each lives with its slice."""

from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts.models import (
    Contact,
    ContactImport,
    ContactList,
    ContactTag,
    ListEntry,
    Tag,
)
from messaging.conversations.models import Conversation
from messaging.media.models import MediaFile
from messaging.messages.models import CampaignTally, Message, MessageEvent
from messaging.senders.models import Sender, SenderActivity, SenderEvent
from messaging.sending.models import (
    PortfolioRecipient,
    QueueItem,
    ScheduledMessage,
    SenderUsage,
    UnknownMessage,
)
from messaging.webhooks.models import (
    DeadLetter,
    FormerAddress,
    LatestFact,
    PendingEvent,
    RawEvent,
)

__all__ = [
    "Campaign",
    "CampaignRecipient",
    "CampaignTally",
    "Contact",
    "ContactImport",
    "ContactList",
    "ContactTag",
    "Conversation",
    "DeadLetter",
    "FormerAddress",
    "LatestFact",
    "ListEntry",
    "MediaFile",
    "Message",
    "MessageEvent",
    "PendingEvent",
    "PortfolioRecipient",
    "QueueItem",
    "RawEvent",
    "ScheduledMessage",
    "Sender",
    "SenderActivity",
    "SenderEvent",
    "SenderUsage",
    "Tag",
    "UnknownMessage",
]
