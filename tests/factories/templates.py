"""Templates as Meta approved them."""

from __future__ import annotations

import itertools

from factory.declarations import LazyFunction, SelfAttribute, Sequence, SubFactory

from templates_mgmt.models import Template
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.tenants import TenantFactory

_meta_ids = itertools.count(1_902_000_000_000_100)


class TemplateFactory(TenantFactory[Template]):
    """An approved marketing template in English with one variable."""

    class Meta:
        model = Template

    account = SubFactory(WhatsAppAccountFactory)
    business = SelfAttribute("account.business")
    meta_id = LazyFunction(lambda: str(next(_meta_ids)))
    name = Sequence(lambda n: f"offer_{n}")
    language = "en_US"
    category = Template.Category.MARKETING
    status = Template.Status.APPROVED
    meta_status = "APPROVED"
    components = LazyFunction(
        lambda: [
            {
                "type": "BODY",
                "text": "Hello {{1}}, this is new.",
                "example": {"body_text": [["Ana"]]},
            }
        ]
    )
