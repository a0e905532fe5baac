"""The demo business: people of every role, a WhatsApp account of the sandbox, its templates.

Doing it again changes nothing; what an operator changed since stays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts import businesses, credentials, members, tenancy
from accounts.access import Access
from accounts.models import Business, Membership, Role, User, WhatsAppAccount
from accounts.roles import ALL_PERMISSIONS
from messaging.senders import numbers
from messaging.senders.models import Sender
from templates_mgmt import sync
from templates_mgmt.errors import SyncRunning
from templates_mgmt.models import Template

NAME: Final = "Green Lane Store"
WABA_ID: Final = "623456789000022"
ACCESS_TOKEN: Final = "EAAG-demo-token"  # noqa: S105  # the sandbox takes any
PASSWORD: Final = "switchboard demo"  # noqa: S105  # printed for everybody to read
PLATFORM_ADMIN: Final = "admin@example.com"
PEOPLE: Final = (
    ("owner@example.com", "Olivia Owner", Role.OWNER),
    ("manager@example.com", "Mateo Manager", Role.MANAGER),
    ("agent@example.com", "Ana Agent", Role.AGENT),
    ("analyst@example.com", "Anton Analyst", Role.ANALYST),
    ("auditor@example.com", "Aiko Auditor", Role.AUDITOR),
)


@dataclass(frozen=True, slots=True)
class Made:
    """What is there now."""

    business: Business
    account: WhatsAppAccount
    senders: int
    templates: int


def make_people(*, now: datetime) -> Business:
    """Open the business unless it is there, with the platform admin and a user of each role."""
    admin = User.objects.filter(email=PLATFORM_ADMIN).first()
    if admin is None:
        admin = User.objects.create_superuser(PLATFORM_ADMIN, PASSWORD, name="Paula Platform")
    with tenancy.across(tenancy.Door.COMMAND):
        business = Business.objects.filter(name=NAME).first()
    if business is None:
        business = businesses.open_(name=NAME, region="ES", time_zone="Europe/Madrid")
    by = Access(admin, None, business, ALL_PERMISSIONS)
    with tenancy.scope(business):
        for email, name, role in PEOPLE:
            _add(business, email, name, role, by)
    return business


def connect(business: Business, *, now: datetime) -> Made:
    """Connect the sandbox's account and read its numbers and templates; the sandbox must run."""
    with tenancy.scope(business):
        account: WhatsAppAccount | None = WhatsAppAccount.objects.filter(waba_id=WABA_ID).first()
        if account is None:
            account = credentials.connect(
                waba_id=WABA_ID, access_token=ACCESS_TOKEN, by=None, now=now
            )
        numbers.sync(account, now=now)
        _pull(account, now=now)
        return Made(
            business,
            account,
            senders=Sender.objects.filter(account=account).count(),
            templates=Template.objects.filter(account=account).count(),
        )


def _pull(account: WhatsAppAccount, *, now: datetime) -> None:
    """Pull the templates, after the job that connecting started if that is at it."""
    deadline = time.monotonic() + sync.LONGEST_SECONDS
    while True:
        try:
            sync.pull(account, now=now)
            return
        except SyncRunning:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _add(business: Business, email: str, name: str, role: Role, by: Access) -> None:
    if Membership.objects.filter(business=business, user__email=email).exists():
        return
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, PASSWORD, name=name)
    members.join(user=user, role=role, by=by)
