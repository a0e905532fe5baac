"""Pages of messaging.

contacts, imports        people, tags, lists; files of people on their way in
campaigns, plan          one message to many: planned in steps, followed live
messages                 every message and its story
conversations            the inbox
senders, deadletters     our numbers; events that could not be applied
pages, drawing, forms/   what the pages share
"""

from messaging.admin import (
    campaigns,
    contacts,
    conversations,
    deadletters,
    imports,
    messages,
    senders,
)

__all__ = [
    "campaigns",
    "contacts",
    "conversations",
    "deadletters",
    "imports",
    "messages",
    "senders",
]
