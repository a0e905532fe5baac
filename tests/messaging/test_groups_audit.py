"""Lists and tags made, renamed and deleted stand in the audit trail, with who and from where."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from compliance.models import AuditEntry
from messaging.contacts import lists, tags
from messaging.contacts.models import ContactList, Tag
from tests.factories.cast import Cast, client_of, make_cast

ADDRESS = "192.0.2.7"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def entries(cast: Cast) -> list[tuple[str, dict[str, Any]]]:
    """Return what was done, all of it by Alice from one address."""
    found = AuditEntry.objects.filter(action__regex=r"^(list|tag)\.").order_by("id")
    assert {(one.actor, one.business_id, one.ip_address) for one in found} == {
        (cast.alice, cast.business.pk, ADDRESS)
    }
    return [(one.action, one.details) for one in found]


def test_what_the_admin_does_to_lists_and_tags_is_audited(cast: Cast) -> None:
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    client.post(reverse("admin:messaging_contactlist_add"), {"name": "Spring"})
    with tenancy.scope(cast.business):
        made = ContactList.objects.get()
        word = Tag.objects.create(business=cast.business, name="vip")
    client.post(reverse("admin:messaging_contactlist_change", args=[made.pk]), {"name": "Summer"})
    client.post(reverse("admin:messaging_contactlist_delete", args=[made.pk]), {"post": "yes"})
    client.post(reverse("admin:messaging_tag_delete", args=[word.pk]), {"post": "yes"})

    assert entries(cast) == [
        ("list.created", {"name": "Spring"}),
        ("list.renamed", {"before": "Spring", "after": "Summer"}),
        ("list.deleted", {"name": "Summer"}),
        ("tag.deleted", {"name": "vip"}),
    ]


def test_what_the_api_does_to_lists_and_tags_is_audited(cast: Cast) -> None:
    client = client_of(cast.alice)
    client.defaults["REMOTE_ADDR"] = ADDRESS
    made = client.post("/api/lists", {"name": "Spring"}).json()["id"]
    client.patch(f"/api/lists/{made}", {"name": "Summer"})
    client.patch(f"/api/lists/{made}", {"name": "Summer"})
    client.delete(f"/api/lists/{made}")
    word = client.post("/api/tags", {"name": "VIP"}).json()["id"]
    client.post("/api/tags", {"name": "vip"})
    client.delete(f"/api/tags/{word}")

    assert entries(cast) == [
        ("list.created", {"name": "Spring"}),
        ("list.renamed", {"before": "Spring", "after": "Summer"}),
        ("list.deleted", {"name": "Summer"}),
        ("tag.created", {"name": "vip"}),
        ("tag.deleted", {"name": "vip"}),
    ]


def test_a_refused_name_leaves_no_entry(cast: Cast) -> None:
    with tenancy.scope(cast.business):
        lists.create(name="Spring", by=cast.alice)
        other = lists.create(name="Summer", by=cast.alice)
        with pytest.raises(lists.NameTaken):
            lists.create(name="Spring", by=cast.alice)
        with pytest.raises(lists.NameTaken):
            lists.rename(other, name="Spring", by=cast.alice)
        tags.ensure(["vip", "VIP "], by=cast.alice)

    found = (
        AuditEntry.objects.filter(origin="internal").order_by("id").values_list("action", flat=True)
    )
    assert list(found) == ["list.created", "list.created", "tag.created"]
