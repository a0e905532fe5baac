"""Wiring of the messaging app."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Senders, contacts, messages, campaigns and webhooks."""

    name = "messaging"
    verbose_name = "Messaging"

    def ready(self) -> None:
        from accounts import approvals
        from compliance import persons
        from messaging import (
            grantable,
            privacy,
            receivers,  # noqa: F401  # connects the receivers
        )
        from messaging.campaigns import approval, approvers
        from messaging.contacts import people
        from messaging.webhooks.people import heirs_of_many

        grantable.register()
        privacy.register()
        persons.register(people.keys_of_many)
        persons.register_heirs(heirs_of_many)
        approvals.watch(approval.SUBJECT, approval.now_of, people_of=approvers.people_of)
