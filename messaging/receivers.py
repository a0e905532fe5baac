"""What messaging does about facts from the apps below it."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from accounts import tenancy
from accounts.signals import WhatsAppAccountConnected, whatsapp_account_connected
from compliance.signals import ConsentWithdrawn, consent_withdrawn
from messaging import jobs
from messaging.campaigns import run
from messaging.sending import fence
from templates_mgmt.models import Template
from templates_mgmt.signals import TemplateStatusChanged, template_status_changed


@receiver(whatsapp_account_connected, dispatch_uid="messaging.sync_numbers")
def sync_numbers(fact: WhatsAppAccountConnected, **_: Any) -> None:
    """Pull the numbers of a new account and subscribe to its webhooks."""
    jobs.SYNC_NUMBERS.enqueue(business_id=str(fact.business_id), account_id=str(fact.account_id))


@receiver(consent_withdrawn, dispatch_uid="messaging.let_sends_land")
def let_sends_land(fact: ConsentWithdrawn, **_: Any) -> None:
    """Hold the opt-out's commit until no message to these people is under way."""
    fence.let_land(fact.business_id, fact.addresses)


@receiver(template_status_changed, dispatch_uid="messaging.pause_campaigns")
def pause_campaigns(fact: TemplateStatusChanged, **_: Any) -> None:
    """Pause the campaigns of a template that may not be sent any more."""
    if fact.after == Template.Status.APPROVED:
        return
    state = dict(Template.Status.choices).get(fact.after, fact.after)
    with tenancy.scope(fact.business_id):
        run.pause_template(
            fact.template_id,
            reason=f"The template is not approved any more: {state}.",
            now=timezone.now(),
        )
