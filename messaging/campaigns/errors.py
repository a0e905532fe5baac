"""What can be wrong with a campaign, and what its state forbids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config.lib.errors import Conflict, InvalidInput


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with an audience or a mapping: the field, the rule, a sentence."""

    path: str
    rule: str
    detail: str


class Invalid(InvalidInput):
    """Input with every finding at once; `extra["findings"]` lists them."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(
            " ".join(dict.fromkeys(one.detail for one in findings)),
            attr=findings[0].path,
            extra={
                "findings": [
                    {"path": one.path, "rule": one.rule, "detail": one.detail} for one in findings
                ]
            },
        )
        self.findings = tuple(findings)


class AudienceInvalid(Invalid):
    """The audience breaks a rule or names what does not exist."""

    code = "invalid_audience"


class VariablesInvalid(Invalid):
    """A template variable has no source, or one that cannot be."""

    code = "invalid_variables"


class WrongState(Conflict):
    """The campaign is in a state that does not allow this."""

    code = "campaign_state"


class AlreadyLaunched(WrongState):
    """The campaign was launched before."""

    code = "already_launched"


class AlreadyOver(WrongState):
    """The campaign was completed or cancelled."""

    code = "campaign_over"


class ListInUse(Conflict):
    """Campaigns that are not over go to this list."""

    code = "list_in_use"


class NobodyThere(Conflict):
    """The audience is empty."""

    code = "audience_empty"
