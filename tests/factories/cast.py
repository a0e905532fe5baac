"""The cast: Alice owns a business, Bob is her agent, Charlie must see nothing of theirs."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import Business, Role, User
from tests.factories.accounts import (
    BusinessFactory,
    MembershipFactory,
    PlatformAdminFactory,
    UserFactory,
)


@dataclass(frozen=True)
class Cast:
    """Two businesses and the people in them; Paula is the platform admin."""

    business: Business
    other_business: Business
    alice: User
    bob: User
    charlie: User
    paula: User

    def add(self, role: Role, *, name: str = "Mara") -> User:
        """Put one more person with this role into Alice's business."""
        user = UserFactory.create(email=f"{name.lower()}@example.com", name=name)
        MembershipFactory.create(business=self.business, user=user, role=role)
        return user


def make_cast() -> Cast:
    """Write the cast to the database."""
    business = BusinessFactory.create(name="Alice's Flowers", slug="alices-flowers")
    other = BusinessFactory.create(name="Charlie's Cheese", slug="charlies-cheese")
    alice = UserFactory.create(email="alice@example.com", name="Alice")
    bob = UserFactory.create(email="bob@example.com", name="Bob")
    charlie = UserFactory.create(email="charlie@example.com", name="Charlie")
    paula = PlatformAdminFactory.create(email="paula@example.com", name="Paula")
    MembershipFactory.create(business=business, user=alice, role=Role.OWNER)
    MembershipFactory.create(business=business, user=bob, role=Role.AGENT)
    MembershipFactory.create(business=other, user=charlie, role=Role.OWNER)
    return Cast(business, other, alice, bob, charlie, paula)


def client_of(user: User, business: Business | None = None) -> APIClient:
    """Return an API client signed in as this user, naming the business when one is given."""
    client = APIClient()
    pair = tokens.start_family(user, now=timezone.now())
    headers = {"HTTP_AUTHORIZATION": f"Bearer {pair.access}"}
    if business is not None:
        headers["HTTP_X_BUSINESS_ID"] = str(business.pk)
    client.credentials(**headers)
    return client


def client_of_key(secret: str) -> APIClient:
    """Return an API client that shows this API key."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {secret}")
    return client
