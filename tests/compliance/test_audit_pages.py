"""The pages of the trail: search, what changed side by side, the history of an object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import tenancy
from accounts.models import Role, User
from compliance import audit, tasks
from compliance.audit import checking, showing
from compliance.models import AuditEntry
from config.lib import context
from tests.factories.cast import Cast, make_cast
from tests.factories.messaging import ContactFactory, SenderFactory

LIST = "/admin/compliance/auditentry/"
PLATFORM = "/admin/compliance/platformentry/"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, settings: Any) -> None:
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}"


def page(user: User, url: str) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def wrote(cast: Cast, action: str, **more: Any) -> AuditEntry:
    with tenancy.scope(cast.business), context.asked_by("192.0.2.7"):
        return audit.record(action=action, **more)


def test_a_change_is_shown_side_by_side(cast: Cast) -> None:
    entry = wrote(
        cast,
        "sender.changed",
        before={"per_hour": 10, "is_default": True, "phone": "+34600111222"},
        after={"per_hour": 25, "is_default": True, "phone": "+34600111333"},
        actor=cast.bob,
    )

    shown = page(cast.alice, f"{LIST}{entry.pk}/change/")

    assert '<del dir="auto">10</del>' in shown
    assert '<ins dir="auto">25</ins>' in shown
    assert "Changed; the trail does not keep what it holds." in shown
    assert "Is default" not in shown
    assert "600111" not in shown


@pytest.mark.parametrize(
    "term",
    [
        "campaign",
        "campaign.app",
        "Campaign approved",
        "Bob",
        "bob@example.com",
        "192.0.2.7",
        "77-x",
    ],
)
def test_an_entry_is_found_by_whatever_is_at_hand(term: str, cast: Cast) -> None:
    wrote(cast, "campaign.approved", resource="campaign", resource_id="77-x", actor=cast.bob)
    with tenancy.scope(cast.business):
        audit.record(action="sender.paused", resource="sender", actor=cast.alice)

    shown = page(cast.alice, f"{LIST}?q={term}")

    assert "Campaign approved" in shown
    assert "Sender paused" not in shown


def test_filters_narrow_the_list(cast: Cast) -> None:
    wrote(cast, "campaign.approved", resource="campaign", actor=cast.bob)
    wrote(cast, "external.order.shipped", origin="external", actor=cast.alice)

    assert "Order shipped" not in page(cast.alice, f"{LIST}?who={cast.bob.pk}")
    assert "Order shipped" not in page(cast.alice, f"{LIST}?object=campaign")
    outside = page(cast.alice, f"{LIST}?origin__exact=external")
    assert "From outside" in outside
    assert "Campaign approved" not in outside
    page(cast.alice, f"{LIST}?who=x&object=nothing")


@pytest.mark.parametrize(
    "query",
    ["who=" + "9" * 5000, "who=%00", "object=%00", "origin__exact=%00", "q=%00", "period=%00",
     "before=%00", "q=" + "9" * 5000, "who=٣"],
)  # fmt: skip
def test_odd_filters_are_no_errors(query: str, cast: Cast) -> None:
    wrote(cast, "campaign.approved", resource="campaign", actor=cast.bob)
    client = Client(raise_request_exception=False)
    client.force_login(cast.alice)

    assert client.get(f"{LIST}?{query}", follow=True).status_code < 500


def test_the_history_of_an_object_has_its_entries_only(cast: Cast) -> None:
    sender = SenderFactory.create(business=cast.business)
    wrote(cast, "sender.paused", resource="sender", resource_id=str(sender.pk))
    wrote(cast, "sender.resumed", resource="sender", resource_id="another")

    shown = page(cast.alice, f"/admin/messaging/sender/{sender.pk}/history/")

    assert "Sender paused" in shown
    assert "Record added" in shown
    assert "Sender resumed" not in shown


def test_objects_with_equal_ids_have_their_own_history(cast: Cast) -> None:
    wrote(cast, "tag.created", resource="tag", resource_id=str(cast.bob.pk))
    wrote(cast, "member.role_changed", resource="user", resource_id=str(cast.bob.pk))
    membership = cast.business.memberships.get(user=cast.bob)

    shown = page(cast.alice, f"/admin/accounts/membership/{membership.pk}/history/")

    assert "Member role changed" in shown
    assert "Tag created" not in shown


def test_a_persons_page_leads_to_the_history(cast: Cast) -> None:
    contact = ContactFactory.create(business=cast.business)
    url = f"/admin/messaging/contact/{contact.pk}/"

    assert f"{url}history/" in page(cast.alice, f"{url}change/")
    assert f"{url}history/" not in page(cast.add(Role.AGENT), f"{url}change/")


def test_an_entry_that_was_tampered_with_is_marked(cast: Cast) -> None:
    entry = wrote(cast, "sender.paused")
    forged = AuditEntry(business=cast.business, action="campaign.approved", actor_name="Alice")
    forged.save(force_insert=True)

    assert not showing.is_broken(entry)
    assert showing.is_broken(forged)
    assert "Not as it was written" in page(cast.alice, LIST)
    assert "is not as Switchboard wrote it" in page(cast.alice, f"{LIST}{forged.pk}/change/")


def test_a_check_is_remembered_in_the_trail_and_shown(cast: Cast) -> None:
    assert "Not checked yet" in page(cast.alice, LIST)

    assert checking.check(cast.business.pk, now=timezone.now()) == 0

    assert "The trail is as it was written" in page(cast.alice, LIST)
    AuditEntry(business=cast.business, action="campaign.approved").save(force_insert=True)

    assert checking.check(cast.business.pk, now=timezone.now()) == 1

    shown = page(cast.alice, LIST)
    assert "no configured key signed it" in shown
    with tenancy.scope(cast.business):
        last = checking.find_last(cast.business.pk)
    assert last is not None
    assert not last.is_clean


def test_every_trail_is_checked_at_night(cast: Cast) -> None:
    counts = checking.check_all(now=timezone.now())

    assert counts == {"trails": 3, "broken": 0, "failed": 0}
    assert AuditEntry.objects.filter(action="audit.verified").count() == 3


def test_what_a_page_shows_is_escaped(cast: Cast) -> None:
    entry = wrote(
        cast,
        "external.order.shipped",
        details={"<script>alert(1)</script>": "<script>alert(2)</script>"},
        origin="external",
        actor_name="<script>alert(3)</script>",
    )

    for url in (LIST, f"{LIST}{entry.pk}/change/"):
        assert "<script>alert(" not in page(cast.alice, url)


def test_the_platforms_trail_has_a_page_for_platform_admins_only(cast: Cast) -> None:
    with tenancy.no_scope():
        entry = audit.record(action="backup.started", resource="backup", actor=cast.paula)
    wrote(cast, "sender.paused", resource="sender")
    checking.check(None, now=timezone.now())

    shown = page(cast.paula, PLATFORM)
    assert "Backup started" in shown
    assert "The trail is as it was written" in shown
    assert "Sender paused" not in shown
    assert "Take it away" not in shown
    assert "Backup started" in page(cast.paula, f"{PLATFORM}{entry.pk}/change/")
    assert "Backup started" in page(cast.paula, f"{PLATFORM}?q=backup&who={cast.paula.pk}")
    assert "Backup started" not in page(cast.paula, f"{PLATFORM}?q=user")
    for url in (PLATFORM, f"{PLATFORM}{entry.pk}/change/", f"{PLATFORM}check_now/"):
        client = Client()
        client.force_login(cast.alice)
        assert client.get(url).status_code == 403


def test_the_platforms_trail_is_recomputed_in_the_background(cast: Cast) -> None:
    tasks.check_audit(business_id="")

    with tenancy.no_scope(), tenancy.across(tenancy.Door.AUDIT):
        last = checking.find_last(None)
    assert last is not None
    assert last.is_clean
