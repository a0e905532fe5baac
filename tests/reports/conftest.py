"""A business in scope, with a sender."""

from collections.abc import Iterator

import pytest

from accounts import tenancy
from accounts.models import Business
from messaging.senders.models import Sender
from tests.factories.accounts import BusinessFactory
from tests.factories.messaging import SenderFactory


@pytest.fixture
def business(db: None) -> Iterator[Business]:
    """Return a business, in scope."""
    made = BusinessFactory.create(time_zone="Europe/Madrid")
    with tenancy.scope(made):
        yield made


@pytest.fixture
def sender(business: Business) -> Sender:
    """Return a number of the business."""
    made: Sender = SenderFactory.create(business=business)
    return made
