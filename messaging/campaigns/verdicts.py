"""Who of a page of the audience gets a message and what it says; who does not, and why.

The launch and the dry run ask the same question here, so that they agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from compliance import consent, policy
from compliance.models import Scope
from compliance.policy import Cap
from messaging.campaigns import audience, variables
from messaging.campaigns.audience import Audience
from messaging.campaigns.models import Campaign
from messaging.campaigns.variables import Writer
from messaging.errors import Refusal
from messaging.sending import frequency
from templates_mgmt.models import Template

# People read at once: some tens of milliseconds of work, a few megabytes; more are no faster.
PAGE: Final = 2000
START: Final = UUID(int=0)

# Contact id, phone, BSUID, refusal, own values as JSON, then the fields of the mapping.
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One person: `content` when the message may go, else `code` and what it is about."""

    contact_id: UUID
    address: str
    content: str | None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """An audience, a template and its variables."""

    audience: Audience
    template: Template
    writer: Writer
    needs_phone: bool = False
    cap: Cap | None = None
    now: datetime | None = None

    def page(self, *, after: UUID | None, limit: int = PAGE) -> list[Verdict]:
        """Return the verdicts on the next people by id."""
        return [self.verdict(row) for row in self.rows(after=after, limit=limit)]

    def rows(self, *, after: UUID | None, limit: int = PAGE) -> list[Row]:
        """Return the next people by id, as `verdict` takes them."""
        sql = _sql(self.audience, self.writer, Scope(self.template.category))
        return self._restrained(self._fetch(sql, after, limit))

    def people(self, *, after: UUID | None, limit: int = PAGE) -> list[Row]:
        """Return the next people like `rows`, without asking for their consent: it is empty."""
        return self._fetch(_people_sql(self.audience, self.writer), after, limit)

    def _fetch(self, sql: str, after: UUID | None, limit: int) -> list[Row]:
        params = {**self.audience.params, **self.writer.params}
        with connection.cursor() as cursor:
            cursor.execute(sql, {**params, "after": after or START, "limit": limit})
            found: list[Row] = cursor.fetchall()
        return found

    def _restrained(self, rows: list[Row]) -> list[Row]:
        """Refuse those who got as much marketing lately as they may."""
        if self.cap is None or self.now is None:
            return rows
        asked = [row[0] for row in rows if not row[3]]
        over = frequency.find_over(asked, self.cap, now=self.now)
        return [(*row[:3], frequency.CAP, *row[4:]) if row[0] in over else row for row in rows]

    def everyone(self) -> Iterator[list[Row]]:
        """Yield everybody, page by page."""
        after: UUID | None = None
        while page := self.rows(after=after):
            yield page
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def verdict(self, row: Row) -> Verdict:
        """Return the verdict on one person."""
        contact_id, phone, bsuid, refusal, own, *fields = row
        address = phone or bsuid
        if refusal:
            return Verdict(contact_id, address, None, refusal)
        if not phone and self.needs_phone:
            return Verdict(contact_id, address, None, Refusal.INVALID_RECIPIENT.value)
        written = self.writer.write(fields, orjson.loads(own) if own else None)
        return Verdict(contact_id, address, written.content, written.code, written.detail)

    def values(self, row: Row) -> dict[str, Any]:
        """Return what a person's variables are filled with."""
        _, _, _, _, own, *fields = row
        return self.writer.values(fields, orjson.loads(own) if own else None)


def judge(campaign: Campaign, *, now: datetime) -> Judge:
    """Return the judge of a campaign. Raises `AudienceInvalid` or `VariablesInvalid`."""
    is_offer = campaign.template.category == Scope.MARKETING
    return replace(readers(campaign), cap=policy.current().cap if is_offer else None, now=now)


def readers(campaign: Campaign) -> Judge:
    """Return the judge of a campaign for whom it goes to and what they read. Raises as `judge`."""
    is_given = audience.RECIPIENTS in campaign.audience
    return Judge(
        audience=audience.resolve(
            campaign.audience, campaign_id=campaign.pk, born_by=campaign.launched_at
        ),
        template=campaign.template,
        writer=variables.prepare(campaign.template, campaign.variables, may_lack=is_given),
        # Meta sends authentication templates to numbers only.
        needs_phone=campaign.template.category == Scope.AUTHENTICATION,
    )


def _sql(audience: Audience, writer: Writer, scope: Scope) -> str:
    """Return the page query: the people first, then for each their consent by its key.

    The rule stands in a subquery of its own, run for each person: joined freely, the planner
    reads the whole consent table for every page.
    """
    rule = consent.refusal_sql(
        business="c.business_id",
        addresses=["c.phone_key", "c.bsuid"],
        scope=f"'{scope.value}'",
    )
    return (
        f"SELECT {_outer(writer, 'verdict.code')} FROM {_inner(audience, writer)} "  # noqa: S608  # fragments of ours
        "CROSS JOIN LATERAL "
        f"(SELECT {rule.code} AS code FROM (SELECT) AS one {rule.joins} OFFSET 0) AS verdict "
        "ORDER BY c.id"
    )


def _people_sql(audience: Audience, writer: Writer) -> str:
    """Return the page query of the people alone."""
    outer = _outer(writer, "NULL::text")
    return f"SELECT {outer} FROM {_inner(audience, writer)} ORDER BY c.id"  # noqa: S608  # same


def _outer(writer: Writer, code: str) -> str:
    names = [f"c.f{number}" for number, _ in enumerate(writer.columns)]
    return ", ".join(["c.id", "c.phone", "c.bsuid", code, "c.own", *names])


def _inner(audience: Audience, writer: Writer) -> str:
    fields = [f"{column} AS f{number}" for number, column in enumerate(writer.columns)]
    person = "c.business_id, c.phone, c.phone_key, c.bsuid"
    inner = ", ".join([f"{audience.key} AS id", person, *fields])
    return (
        f"(SELECT {inner}, {audience.own} AS own FROM {audience.source} "  # noqa: S608  # same
        f"WHERE {audience.where} AND {audience.key} > %(after)s "
        f"ORDER BY {audience.key} LIMIT %(limit)s) AS c"
    )
