"""Who a campaign goes to: a spec, checked, as one query that is paged by contact id.

    {"all": true}                  every contact
    {"list": id}, {"import": id}   those on a list; those of an import that filled a list
    {"tag": name}                  those who carry a tag
    {"filter": {...}}              see `conditions`
    {"recipients": true}           those named one by one; needs the campaign they belong to

List, tag, import and filter go together: people who fit all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from accounts import tenancy
from config.lib import ids
from messaging.campaigns import conditions
from messaging.campaigns.conditions import Query
from messaging.campaigns.errors import AudienceInvalid, ListInUse
from messaging.campaigns.models import Campaign
from messaging.contacts.models import ContactImport, ContactList

ALL: Final = "all"
RECIPIENTS: Final = "recipients"
_COMBINABLE: Final = ("list", "import", "tag", "filter")
_KNOWN: Final = (ALL, RECIPIENTS, *_COMBINABLE)
# A worker's clock may be this much behind the one that made a contact's id.
_SKEW: Final = timedelta(seconds=1)
# How many campaigns a refusal names.
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Audience:
    """A set of contacts `c` as SQL. `key` is the contact id pages go by, `own` their own values."""

    source: str
    key: str
    where: str
    params: Mapping[str, Any]
    own: str = "NULL::jsonb"

    def count(self, *, after: UUID | None = None) -> int:
        """Return how many people it has, past the one named."""
        where = f"{self.where} AND {self.key} > %(after)s" if after else self.where
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {self.source} WHERE {where}",  # noqa: S608  # fragments of ours
                {**self.params, "after": after},
            )
            found: int = cursor.fetchone()[0]
        return found


def check(spec: Mapping[str, Any], *, path: str = "audience") -> None:
    """Raise `AudienceInvalid` with every finding; `recipients` is not looked into."""
    if set(spec) != {RECIPIENTS}:
        resolve(spec, path=path)


def resolve(
    spec: Mapping[str, Any],
    *,
    path: str = "audience",
    campaign_id: UUID | None = None,
    born_by: datetime | None = None,
) -> Audience:
    """Return the audience of a spec, of contacts there were at `born_by`.

    Raises `AudienceInvalid`. Reads the business in scope.
    """
    query = Query()
    _check_shape(spec, path, query)
    if query.findings:
        raise AudienceInvalid(query.findings)
    if spec.get(RECIPIENTS):
        return _recipients(campaign_id)
    driver = _driver(spec, path, query)
    query.add(f"c.business_id = {query.lookup(tenancy.current_id(), 'uuid')}")
    if "filter" in spec:
        conditions.read(spec["filter"], f"{path}.filter", query)
    if query.findings:
        raise AudienceInvalid(query.findings)
    source, key = driver
    if born_by is not None:
        query.add(f"c.id <= {query.param(ids.floor_of(born_by + _SKEW))}")
    return Audience(source=source, key=key, where=query.where, params=query.params)


def list_lists(spec: Mapping[str, Any]) -> QuerySet[ContactList]:
    """List the contact lists a spec names, by themselves or by the import that filled them."""
    imports = ContactImport.objects.filter(pk=conditions.as_id(spec.get("import")))
    named = Q(pk=conditions.as_id(spec.get("list"))) | Q(pk__in=imports.values("list_id"))
    return ContactList.objects.filter(named)


def require_unused(contact_list: ContactList) -> None:
    """Raise `ListInUse` while campaigns that are not over go to this list."""
    names = campaigns_using_list(contact_list.pk)
    if names:
        shown = ", ".join(f"“{name}”" for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise ListInUse(
            f"Campaigns that are not over go to this list: {shown}{more}. Give them another "
            "audience or cancel them first.",
            extra={"campaigns": names},
        )


def campaigns_using_list(list_id: UUID) -> list[str]:
    """Return the names of the campaigns not over that go to a list, or an import that filled it."""
    imports = set(ContactImport.objects.filter(list_id=list_id).values_list("pk", flat=True))
    rows = Campaign.objects.exclude(status__in=Campaign.FINAL).order_by("-pk")
    rows = rows.filter(audience__has_any_keys=["list", "import"])
    return [
        name
        for name, spec in rows.values_list("name", "audience")
        if conditions.as_id(spec.get("list")) == list_id
        or conditions.as_id(spec.get("import")) in imports
    ]


def _check_shape(spec: object, path: str, query: Query) -> None:
    if not isinstance(spec, Mapping) or not spec:
        query.find(path, "required", f"Name an audience: {', '.join(_KNOWN)}.")
        return
    for name in spec:
        if name not in _KNOWN:
            query.find(
                f"{path}.{name}", "unknown_field", f"An audience is one of {', '.join(_KNOWN)}."
            )
    for name in (ALL, RECIPIENTS):
        if name in spec and spec[name] is not True:
            query.find(f"{path}.{name}", "type", f"`{name}` is true or left out.")
        if name in spec and len(spec) > 1:
            query.find(f"{path}.{name}", "exclusive", f"`{name}` goes with nothing else.")


def _recipients(campaign_id: UUID | None) -> Audience:
    return Audience(
        source="messaging_campaignrecipient r JOIN messaging_contact c ON c.id = r.contact_id",
        key="r.contact_id",
        where="r.campaign_id = (SELECT %(campaign)s::uuid) "
        "AND r.message_id IS NULL AND r.skip_code = ''",
        params={"campaign": campaign_id},
        own="r.values",
    )


def _driver(spec: Mapping[str, Any], path: str, query: Query) -> tuple[str, str]:
    """Narrow by lists and tags; return what to walk along and its key, the narrowest first."""
    lists = _lists(spec, path, query)
    tags = conditions.tag_ids([spec["tag"]], f"{path}.tag", query) if "tag" in spec else []
    if lists:
        for other in lists[1:]:
            query.add(conditions.on_list(query.param(other)))
        for tag in tags:
            query.add(conditions.tagged(f"ARRAY[{query.param(tag)}]::bigint[]"))
        query.add(f"e.list_id = {query.lookup(lists[0], 'uuid')}")
        return "messaging_listentry e JOIN messaging_contact c ON c.id = e.contact_id", (
            "e.contact_id"
        )
    if tags:
        query.add(f"g.tag_id = {query.lookup(tags[0], 'bigint')}")
        return "messaging_contacttag g JOIN messaging_contact c ON c.id = g.contact_id", (
            "g.contact_id"
        )
    return "messaging_contact c", "c.id"


def _lists(spec: Mapping[str, Any], path: str, query: Query) -> list[UUID]:
    found: list[UUID] = []
    if "list" in spec:
        list_id = conditions.as_id(spec["list"])
        if list_id and ContactList.objects.filter(pk=list_id).exists():
            found.append(list_id)
        else:
            query.find(f"{path}.list", "not_found", "No such list.")
    if "import" in spec:
        import_id = conditions.as_id(spec["import"])
        filled = ContactImport.objects.filter(pk=import_id).first() if import_id else None
        if filled is None:
            query.find(f"{path}.import", "not_found", "No such import.")
        elif filled.list_id is None:
            query.find(f"{path}.import", "no_list", "This import put nobody on a list.")
        else:
            found.append(filled.list_id)
    return found
