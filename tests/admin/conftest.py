"""A browser, and sessions of the cast in the admin."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Business, User
from tests.browser import browser, complaints, context, page  # noqa: F401  # fixtures
from tests.factories.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    """Write the cast."""
    return make_cast()


@pytest.fixture
def sign_in() -> Callable[..., Client]:
    """Return a function that signs a user in to the admin, in a business when one is named."""

    def make(user: User, business: Business | None = None) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        if business is not None:
            session = client.session
            session["business_id"] = str(business.pk)
            session.save()
        return client

    return make
