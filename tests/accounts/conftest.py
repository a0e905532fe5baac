"""The cast, in a database of the test's own."""

import pytest

from tests.factories.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    """Return Alice, Bob, Charlie and their businesses."""
    return make_cast()
