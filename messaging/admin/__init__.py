"""Pages of messaging.

contacts, chosen         people, one and several of them
groups, imports          tags and lists; files of people on their way in
campaigns                one message to many, followed live
planning, plan           its steps before that; what is kept of them between two pages
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
    groups,
    imports,
    messages,
    senders,
)

__all__ = [
    "campaigns",
    "contacts",
    "conversations",
    "deadletters",
    "groups",
    "imports",
    "messages",
    "senders",
]
