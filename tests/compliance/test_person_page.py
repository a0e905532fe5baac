"""What an operator does about consent on the page of a person leaves a trace."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts import tenancy
from compliance.models import AuditEntry, Consent
from tests.factories.cast import make_cast
from tests.factories.contacts import ContactFactory

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.mark.django_db
def test_who_ends_a_block_stands_in_the_trail() -> None:
    cast, page = make_cast(), Client()
    page.force_login(cast.alice, backend=BACKEND)
    with tenancy.scope(cast.business):
        contact = ContactFactory.create(business=cast.business, phone="+34600111222")
    person = f"/admin/messaging/contact/{contact.pk}"
    page.post(f"{person}/block/", {"days": 7, "scope": "all", "reason": "Asked for peace"})

    page.post(f"{person}/unblock/", {"_confirmed": "1"})

    entry = AuditEntry.objects.get(action="consent.block_lifted")
    assert (entry.actor, entry.resource, entry.resource_id) == (
        cast.alice,
        "contact",
        str(contact.pk),
    )
    states = Consent.across_businesses.filter(business=cast.business)
    assert {state.blocked_until == state.blocked_at for state in states} == {True}
