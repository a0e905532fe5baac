"""Templates as Meta approved them."""

from __future__ import annotations

import itertools

import factory

from templates_mgmt.models import Template
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.tenants import TenantFactory

_meta_ids = itertools.count(1_902_000_000_000_100)


class TemplateFactory(TenantFactory[Template]):
    """An approved marketing template in English with one variable."""

    class Meta:
        model = Template

    account = factory.SubFactory(WhatsAppAccountFactory)
    business = factory.SelfAttribute("account.business")
    meta_id = factory.LazyFunction(lambda: str(next(_meta_ids)))
    name = factory.Sequence(lambda n: f"offer_{n}")
    language = "en_US"
    category = Template.Category.MARKETING
    status = Template.Status.APPROVED
    meta_status = "APPROVED"
    components = factory.LazyFunction(
        lambda: [
            {
                "type": "BODY",
                "text": "Hello {{1}}, this is new.",
                "example": {"body_text": [["Ana"]]},
            }
        ]
    )
