"""Pages of messaging: senders, people, campaigns, messages, conversations, dead letters."""

from messaging.admin import deadletters, senders  # noqa: F401  # register their pages
