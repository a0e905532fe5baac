"""What messaging does about facts from the apps below it."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from accounts import tenancy
from messaging.campaigns import run
from templates_mgmt.models import Template
from templates_mgmt.signals import TemplateStatusChanged, template_status_changed


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
