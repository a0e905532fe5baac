"""A campaign's message as real people of its audience would see it, while it is being planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from compliance.models import Scope
from messaging.campaigns import audience, variables
from messaging.campaigns.errors import AudienceInvalid, Finding, VariablesInvalid
from messaging.campaigns.verdicts import Judge
from messaging.contacts.models import Contact
from templates_mgmt import compiled, components
from templates_mgmt.components import Preview, Variable
from templates_mgmt.models import Template

# How many people can be looked at one after the other.
MOST: Final = 50
# What authors call the person's name; the first positional variable mostly is it.
_NAMES: Final = {
    "1": "first_name",
    "first_name": "first_name",
    "customer_name": "first_name",
    "name": "name",
    "full_name": "name",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """The message for one person. `code` says why they would get none; `place` counts from 0."""

    preview: Preview
    name: str = ""
    address: str = ""
    code: str = ""
    detail: str = ""
    place: int = 0
    people: int = 0
    findings: tuple[Finding, ...] = ()


def example(template: Template) -> Preview:
    """Return the message filled with the template's own examples."""
    ready = compiled.of(template)
    values = {one.key: one.example for one in ready.variables if one.example}
    return components.render(ready.definition, values)


def for_person(
    template: Template, spec: Mapping[str, Any], mapping: Mapping[str, Any], *, place: int
) -> Shown:
    """Return the message as the person at this place of the audience would see it.

    What is wrong with the mapping is told in `findings` and left out.
    """
    findings: tuple[Finding, ...] = ()
    try:
        writer = variables.prepare(template, mapping, may_lack=True)
    except VariablesInvalid as error:
        findings = error.findings
        wrong = {one.path.split(".")[1] for one in findings if "." in one.path}
        left = {key: value for key, value in mapping.items() if key not in wrong}
        try:
            writer = variables.prepare(template, left, may_lack=True)
        except VariablesInvalid:
            return Shown(example(template), findings=findings)
    try:
        people = audience.resolve(spec)
    except AudienceInvalid as error:
        return Shown(example(template), findings=(*findings, *error.findings))
    needs_phone = template.category == Scope.AUTHENTICATION
    judge = Judge(audience=people, template=template, writer=writer, needs_phone=needs_phone)
    return _shown(judge, place, findings)


def variables_of(template: Template) -> Sequence[Variable]:
    """Return the variables a mapping of this template gives sources for."""
    return compiled.of(template).variables


def guess(variable: Variable, attributes: Sequence[str]) -> dict[str, Any]:
    """Return the source a variable most likely has: a field of its name, else a value to give."""
    name = variable.name.lower()
    if name in attributes:
        return {"field": f"attributes.{name}", "default": ""}
    if variable.component == "body" and name in _NAMES:
        return {"field": _NAMES[name], "default": ""}
    return {"value": ""}


def address_before(template: Template, variable: Variable) -> str:
    """Return the beginning of a button's address, which the variable's value comes after."""
    definition = compiled.of(template).definition
    buttons = [*definition.buttons, *(one for card in definition.cards for one in card.buttons)]
    targets = (one.target for one in buttons if one.variable and one.variable.key == variable.key)
    return next(targets, "").partition("{{")[0]


def attribute_names(template: Template, spec: Mapping[str, Any]) -> list[str]:
    """Return the variables that the first people of the audience have."""
    try:
        people = audience.resolve(spec)
    except AudienceInvalid:
        return []
    writer = variables.prepare(template, {}, may_lack=True)
    rows = Judge(audience=people, template=template, writer=writer).rows(after=None, limit=MOST)
    held = Contact.objects.filter(pk__in=[row[0] for row in rows])
    return sorted(
        {name for attributes in held.values_list("attributes", flat=True) for name in attributes}
    )


def _shown(judge: Judge, place: int, findings: tuple[Finding, ...]) -> Shown:
    rows = judge.rows(after=None, limit=MOST)
    definition = judge.writer.ready.definition
    if not rows:
        return Shown(example(judge.template), findings=findings)
    at = max(0, min(place, len(rows) - 1))
    row = rows[at]
    verdict = judge.verdict(row)
    return Shown(
        preview=components.render(definition, judge.values(row)),
        name=_name(row[0]),
        address=verdict.address,
        code=verdict.code,
        detail=verdict.detail,
        place=at,
        people=len(rows),
        findings=findings,
    )


def _name(contact_id: UUID) -> str:
    return str(Contact.objects.values_list("name", flat=True).get(pk=contact_id))
