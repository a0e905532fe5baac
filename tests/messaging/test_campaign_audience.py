"""Audiences: who is found, counted exactly, in pages, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts import tenancy
from messaging.campaigns import audience, variables
from messaging.campaigns.errors import AudienceInvalid
from messaging.campaigns.verdicts import START, Judge
from messaging.contacts import lists, tags
from messaging.contacts.models import Contact, ContactImport
from tests.factories.accounts import BusinessFactory
from tests.factories.campaigns import crowd
from tests.messaging.pump import Pump, make_pump

pytestmark = pytest.mark.django_db


@pytest.fixture
def pump() -> Pump:
    """Return a business with a sender and a template; nothing is sent here."""
    return make_pump()


def _people(pump: Pump) -> dict[str, UUID]:
    """Write five people who differ in what filters look at."""
    facts: dict[str, dict[str, Any]] = {
        "ana": {"language": "pt_BR", "country": "BR", "attributes": {"city": "Lima"}},
        "bea": {"language": "pt", "country": "PT", "attributes": {"city": "Quito"}},
        "cid": {"language": "es", "country": "ES", "attributes": {"city": "Lima", "plan": "gold"}},
        "dan": {"language": "es", "country": "MX", "attributes": {}},
        "eva": {
            "language": "en",
            "country": "US",
            "attributes": {},
            "bsuid": "US.1349120865530274",
        },
    }
    made = {}
    for number, (name, fields) in enumerate(facts.items()):
        phone = None if "bsuid" in fields else f"+3461100000{number}"
        made[name] = Contact.across_businesses.create(
            business=pump.business, name=name, phone=phone or "", phone_key=phone, **fields
        ).pk
    with tenancy.scope(pump.business):
        tags.add(contacts=[made["ana"], made["bea"], made["cid"]], names=["vip"])
        tags.add(contacts=[made["bea"], made["cid"]], names=["new"])
        tags.add(contacts=[made["cid"]], names=["old"])
    return made


def _found(pump: Pump, spec: Mapping[str, Any]) -> set[str]:
    """Return who is in the audience, by name, read in pages of two."""
    with tenancy.scope(pump.business):
        found = audience.resolve(spec)
        judge = Judge(found, pump.template, variables.prepare(pump.template, {}))
        ids: list[UUID] = []
        while page := judge.page(after=ids[-1] if ids else START, limit=2):
            ids += [one.contact_id for one in page]
        assert len(ids) == len(set(ids)) == found.count()
        return set(Contact.objects.filter(pk__in=ids).values_list("name", flat=True))


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({"all": True}, "ana bea cid dan eva"),
        ({"tag": "VIP"}, "ana bea cid"),
        ({"filter": {"language": "pt"}}, "ana bea"),
        ({"filter": {"language": ["pt-BR", "en"]}}, "ana eva"),
        ({"filter": {"country": ["es", "MX"]}}, "cid dan"),
        ({"filter": {"tags": ["new", "old"]}}, "bea cid"),
        ({"filter": {"tags": {"all": ["vip", "new"], "none": ["old"]}}}, "bea"),
        ({"filter": {"tags": {"none": ["vip"]}}}, "dan eva"),
        ({"filter": {"attributes": {"city": "Lima"}}}, "ana cid"),
        ({"filter": {"attributes": {"city": ["Lima", "Quito"], "plan": "gold"}}}, "cid"),
        ({"filter": {"created_after": "2020-01-01"}}, "ana bea cid dan eva"),
        ({"filter": {"created_before": "2020-01-01T00:00:00Z"}}, ""),
        ({"filter": {"has_phone": False}}, "eva"),
        ({"tag": "vip", "filter": {"country": "BR"}}, "ana"),
    ],
)
def test_an_audience_finds_exactly_those_it_describes(
    pump: Pump, spec: dict[str, Any], names: str
) -> None:
    _people(pump)

    assert _found(pump, spec) == set(names.split())


def test_lists_and_imports_are_audiences_and_narrow_each_other(pump: Pump) -> None:
    people = _people(pump)
    with tenancy.scope(pump.business):
        first, second = lists.create(name="One"), lists.create(name="Two")
        lists.add(first, contacts=[people["ana"], people["bea"]])
        lists.add(second, contacts=[people["bea"], people["cid"]])
        filled = ContactImport.objects.create(business=pump.business, filename="x", list=second)

    assert _found(pump, {"list": str(first.pk)}) == {"ana", "bea"}
    assert _found(pump, {"import": str(filled.pk)}) == {"bea", "cid"}
    assert _found(pump, {"list": str(first.pk), "import": str(filled.pk)}) == {"bea"}
    assert _found(pump, {"list": str(second.pk), "tag": "old"}) == {"cid"}


def test_people_made_after_the_launch_are_not_in_it(pump: Pump) -> None:
    crowd(pump.business, 3)
    with tenancy.scope(pump.business):
        before = audience.resolve({"all": True}, born_by=timezone.now())
        early = audience.resolve({"all": True}, born_by=pump.business.created_at.replace(year=2020))

        assert (before.count(), early.count()) == (3, 0)


@pytest.mark.parametrize(
    ("spec", "path", "rule"),
    [
        ({}, "audience", "required"),
        ({"all": False}, "audience.all", "type"),
        ({"all": True, "tag": "vip"}, "audience.all", "exclusive"),
        ({"everyone": True}, "audience.everyone", "unknown_field"),
        ({"tag": "nope"}, "audience.tag", "not_found"),
        ({"list": "x"}, "audience.list", "not_found"),
        ({"list": 7}, "audience.list", "not_found"),
        ({"filter": {}}, "audience.filter", "required"),
        ({"filter": {"shoe": 4}}, "audience.filter.shoe", "unknown_field"),
        ({"filter": {"country": "Spain"}}, "audience.filter.country", "country"),
        ({"filter": {"language": [{}]}}, "audience.filter.language", "type"),
        ({"filter": {"language": []}}, "audience.filter.language", "length"),
        ({"filter": {"tags": {"some": ["a"]}}}, "audience.filter.tags.some", "unknown_field"),
        ({"filter": {"created_after": "soon"}}, "audience.filter.created_after", "instant"),
        ({"filter": {"created_after": "2026-13-40"}}, "audience.filter.created_after", "instant"),
        ({"filter": {"attributes": []}}, "audience.filter.attributes", "type"),
    ],
)
def test_what_no_audience_can_be_is_refused_by_field_and_rule(
    pump: Pump, spec: dict[str, Any], path: str, rule: str
) -> None:
    with tenancy.scope(pump.business), pytest.raises(AudienceInvalid) as refused:
        audience.check(spec)

    assert [(one.path, one.rule) for one in refused.value.findings] == [(path, rule)]


def test_another_businesss_list_is_no_list_and_its_people_are_nobody(pump: Pump) -> None:
    other = BusinessFactory.create()
    with tenancy.scope(other):
        theirs = lists.create(name="Theirs")
        lists.add(theirs, contacts=crowd(other, 3))

    with tenancy.scope(pump.business), pytest.raises(AudienceInvalid) as refused:
        audience.check({"list": str(theirs.pk)})

    assert refused.value.findings[0].rule == "not_found"
    assert _found(pump, {"all": True}) == set()
