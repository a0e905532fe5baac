"""What may be sent now, and how the API shows it."""

from __future__ import annotations

import pytest

from accounts import tenancy
from accounts.models import Role
from templates_mgmt import catalog
from templates_mgmt.errors import TemplateNotApproved, TemplatePaused
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.cast import client_of, make_cast
from tests.factories.templates import TemplateFactory

pytestmark = pytest.mark.django_db


def test_only_an_approved_template_in_that_language_is_sendable() -> None:
    template = TemplateFactory.create(name="offer", language="en_US")
    TemplateFactory.create(account=template.account, name="pause", status="paused")
    TemplateFactory.create(account=template.account, name="review", status="pending")

    with tenancy.scope(template.business_id):
        assert catalog.get_sendable(template.account, "offer", "en-US") == template
        assert list(catalog.list_sendable(template.account)) == [template]
        with pytest.raises(TemplateNotApproved):
            catalog.get_sendable(template.account, "offer", "en_GB")
        with pytest.raises(TemplateNotApproved):
            catalog.get_sendable(template.account, "review", "en_US")
        with pytest.raises(TemplatePaused):
            catalog.get_sendable(template.account, "pause", "en_US")


def test_the_api_lists_and_shows_the_templates_of_the_business_only() -> None:
    cast = make_cast()
    account = WhatsAppAccountFactory.create(business=cast.business)
    ours = TemplateFactory.create(account=account)
    theirs = TemplateFactory.create()
    client = client_of(cast.bob)

    listed = client.get("/api/templates?status=approved").json()

    assert [row["id"] for row in listed["results"]] == [str(ours.pk)]
    assert client.get(f"/api/templates/{ours.pk}").json()["name"] == ours.name
    assert client.get(f"/api/templates/{theirs.pk}").status_code == 404
    assert client.get("/api/templates/none").status_code == 404
    assert client.get("/api/templates?colour=red").status_code == 400


def test_a_sync_needs_the_permission_to_edit() -> None:
    cast = make_cast()
    analyst = cast.add(Role.ANALYST)

    assert client_of(analyst).post("/api/templates/sync").status_code == 403
    assert client_of(cast.alice).post("/api/templates/sync").json()["new"] == 0
