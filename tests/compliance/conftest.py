"""A business in scope for every test of compliance."""

from collections.abc import Iterator

import pytest

from accounts import tenancy
from accounts.models import Business
from tests.factories.accounts import BusinessFactory


@pytest.fixture
def business(db: None) -> Iterator[Business]:
    """Return a business, in scope."""
    made = BusinessFactory.create()
    with tenancy.scope(made):
        yield made
