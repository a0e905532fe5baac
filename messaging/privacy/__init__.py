"""What messaging holds about people: who they are, and how it is given out and erased.

- `people`    finds somebody by any address
- `queue`     what waits to be sent
- `messages`  messages, their log and their files
- `contacts`  the contact with all that hangs on it, imports it came with
- `webhooks`  what Meta posted, byte for byte
- `retention` how long all of this is kept
"""

from __future__ import annotations

from compliance.privacy import registry
from compliance.privacy import retention as rules
from messaging.privacy.contacts import ContactsHolder
from messaging.privacy.imports import ImportsHolder
from messaging.privacy.messages import FilesHolder, MessagesHolder
from messaging.privacy.people import PeopleIndex
from messaging.privacy.queue import QueueHolder
from messaging.privacy.retention import (
    OldConversations,
    OldEvents,
    OldFiles,
    OldImports,
    OldMessages,
)
from messaging.privacy.webhooks import WebhooksHolder


def register() -> None:
    """Put the holders into the registry, in the order of an erasure."""
    registry.register_index("contacts", PeopleIndex())
    registry.register(QueueHolder(), place=10)
    registry.register(FilesHolder(), place=20)
    registry.register(MessagesHolder(), place=30)
    registry.register(ImportsHolder(), place=40)
    registry.register(ContactsHolder(), place=50)
    # Behind the contact: what arrives from here on belongs to somebody new.
    registry.register(WebhooksHolder(), place=80)
    for kind in (OldMessages(), OldFiles(), OldConversations(), OldImports()):
        rules.register(kind)
    rules.register_shared(OldEvents())
