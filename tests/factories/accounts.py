"""Businesses, people, keys and WhatsApp accounts."""

from __future__ import annotations

import itertools
from typing import Any

from django.utils import timezone
from factory.declarations import LazyFunction, Sequence, SubFactory
from factory.django import DjangoModelFactory

from accounts import api_keys, tenancy
from accounts.access import Access
from accounts.models import ApiKey, Business, Membership, Role, User, WhatsAppAccount
from accounts.roles import ALL_PERMISSIONS
from tests.factories.tenants import SeeingFactory, TenantFactory

PASSWORD = "correct horse battery staple"
_waba_ids = itertools.count(102_290_129_340_398)


class BusinessFactory(SeeingFactory[Business]):
    """An active business in Spain."""

    class Meta:
        model = Business

    name = Sequence(lambda n: f"Business {n}")
    slug = Sequence(lambda n: f"business-{n}")


class UserFactory(DjangoModelFactory[User]):
    """A user with the password `PASSWORD`, in no business."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = Sequence(lambda n: f"person{n}@example.com")
    name = Sequence(lambda n: f"Person {n}")

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(
            kwargs.pop("email"), kwargs.pop("password", PASSWORD), **kwargs
        )


class PlatformAdminFactory(UserFactory):
    """A user of every business."""

    is_superuser = True
    is_staff = True


class MembershipFactory(SeeingFactory[Membership]):
    """An agent of a new business."""

    class Meta:
        model = Membership

    business = SubFactory(BusinessFactory)
    user = SubFactory(UserFactory)
    role = Role.AGENT


class ApiKeyFactory(TenantFactory[ApiKey]):
    """A stored key nobody knows the secret of; use `issue_key` for one that works."""

    class Meta:
        model = ApiKey

    business = SubFactory(BusinessFactory)
    name = Sequence(lambda n: f"Key {n}")
    prefix = Sequence(lambda n: f"sb_{n:08x}")
    digest = Sequence(lambda n: f"{n:064x}")
    permissions = LazyFunction(lambda: ["messages.view"])


class WhatsAppAccountFactory(TenantFactory[WhatsAppAccount]):
    """A connected WhatsApp account with a token."""

    class Meta:
        model = WhatsAppAccount

    business = SubFactory(BusinessFactory)
    name = Sequence(lambda n: f"Account {n}")
    waba_id = LazyFunction(lambda: str(next(_waba_ids)))
    portfolio_id = LazyFunction(lambda: str(next(_waba_ids)))
    access_token = "token-of-a-test"


def full_access(business: Business, user: User | None = None) -> Access:
    """Return access to everything in a business."""
    return Access(user, None, business, ALL_PERMISSIONS)


def issue_key(business: Business, *permissions: str, **options: Any) -> str:
    """Return the secret of a working API key with these permissions."""
    with tenancy.scope(business):
        issued = api_keys.issue(
            name="Test key",
            permissions=permissions,
            by=full_access(business),
            now=timezone.now(),
            **options,
        )
    return issued.secret
