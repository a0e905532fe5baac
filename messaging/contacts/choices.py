"""What an operator decides about an import, kept as JSON with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accounts.models import Business
from compliance.models import Scope
from config.lib.errors import InvalidInput
from config.lib.tables import Dialect
from messaging.contacts import lists
from messaging.contacts.rows import LONGEST_WORDING, Rules

DEFAULT_SCOPES: Final = (Scope.MARKETING, Scope.UTILITY)


@dataclass(frozen=True, slots=True)
class Choices:
    """How a file is read and what is declared about it.

    `everyone_agreed` declares consent for rows that say nothing about it and needs the wording
    people agreed to. `has_header` is found out at first and may be corrected.
    """

    dialect: Dialect
    list_name: str = ""
    region: str = ""
    has_header: bool = True
    everyone_agreed: bool = False
    consent_scopes: tuple[Scope, ...] = DEFAULT_SCOPES
    consent_wording: str = ""
    consent_at: datetime | None = None
    revision: int = 1
    resumes: int = 0

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Choices:
        """Read what `as_json` wrote."""
        at = options.get("consent_at")
        return cls(
            dialect=Dialect(**options["dialect"]),
            list_name=options.get("list_name", ""),
            region=options.get("region", ""),
            has_header=options.get("has_header", True),
            everyone_agreed=options.get("everyone_agreed", False),
            consent_scopes=tuple(Scope(scope) for scope in options.get("consent_scopes", ())),
            consent_wording=options.get("consent_wording", ""),
            consent_at=datetime.fromisoformat(at) if at else None,
            revision=options.get("revision", 1),
            resumes=options.get("resumes", 0),
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `ContactImport.options` holds."""
        return {
            "dialect": self.dialect.as_json(),
            "list_name": self.list_name,
            "region": self.region,
            "has_header": self.has_header,
            "everyone_agreed": self.everyone_agreed,
            "consent_scopes": [scope.value for scope in self.consent_scopes],
            "consent_wording": self.consent_wording,
            "consent_at": self.consent_at.isoformat() if self.consent_at else None,
            "revision": self.revision,
            "resumes": self.resumes,
        }

    def changed(self, changes: Mapping[str, Any]) -> Choices:
        """Return these choices with an operator's changes, checked."""
        unknown = set(changes) - CHANGEABLE
        if unknown:
            raise InvalidInput("There is no such option.", attr=min(unknown))
        return replace(self, **changes).checked()

    def checked(self) -> Choices:
        """Return the choices; raises `InvalidInput` naming the one that cannot be."""
        if self.list_name:
            lists.checked_name(self.list_name)
        if not self.consent_scopes:
            raise InvalidInput("Name at least one scope.", attr="consent_scopes")
        if len(self.consent_wording) > LONGEST_WORDING:
            raise InvalidInput(
                f"The wording has at most {LONGEST_WORDING} characters.", attr="consent_wording"
            )
        if self.everyone_agreed and not self.consent_wording.strip():
            raise InvalidInput(
                "Give the wording everyone agreed to: it is the evidence of their consent.",
                code="required",
                attr="consent_wording",
            )
        return self

    def rules(
        self,
        *,
        mapping: Mapping[str, str],
        columns: list[str],
        business: Business,
        now: datetime,
    ) -> Rules:
        """Return the rules the file's rows are read by."""
        return Rules(
            mapping=mapping,
            columns=columns,
            region=self.region or business.region or None,
            zone=_zone(business.time_zone),
            now=now,
            consent_scopes=self.consent_scopes,
            consent_wording=self.consent_wording,
            consent_at=self.consent_at,
            everyone_agreed=self.everyone_agreed,
        )


CHANGEABLE: Final = frozenset(
    {
        "list_name",
        "region",
        "has_header",
        "everyone_agreed",
        "consent_scopes",
        "consent_wording",
        "consent_at",
    }
)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
