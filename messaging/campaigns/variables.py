"""What each person reads: the template's variables, each from a source.

    {"1": {"field": "name", "default": "friend"}}   a field of the contact; default when empty
    {"1": {"value": "10 %"}}, {"1": "10 %"}         the same for everyone

Fields: name, first_name, phone, language, country, username, attributes.<name>. Values a request
or a file gives for one person go before the mapping. An empty value is never sent: without a
default the person is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from messaging.campaigns.errors import Finding, VariablesInvalid
from templates_mgmt import compiled
from templates_mgmt.components import CompiledTemplate
from templates_mgmt.models import Template

MISSING: Final = "variable_missing"
INVALID: Final = "variable_invalid"

_FIELDS: Final = {
    "name": "c.name",
    "first_name": "split_part(c.name, ' ', 1)",
    "phone": "c.phone",
    "language": "c.language",
    "country": "c.country",
    "username": "c.username",
}
_ATTRIBUTE: Final = "attributes."


@dataclass(frozen=True, slots=True)
class Written:
    """A person's message: `content` is Meta's `template` object as JSON, or `code` says why not."""

    content: str | None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """A template and its mapping, prepared for many people.

    `columns` are the SQL expressions of the fields, `params` their parameters; the values of a
    row of them go to `write`.
    """

    ready: CompiledTemplate
    constants: Mapping[str, Any]
    fields: tuple[tuple[str, Any], ...]
    columns: tuple[str, ...]
    params: Mapping[str, str]
    shared: Written | None

    def write(self, row: Sequence[Any], own: Mapping[str, Any] | None = None) -> Written:
        """Return the message of one person."""
        if self.shared is not None and not own:
            return self.shared
        return _write(self.ready, self.values(row, own))

    def values(self, row: Sequence[Any], own: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the person's values by variable."""
        found = dict(self.constants)
        for (key, default), value in zip(self.fields, row, strict=True):
            text = " ".join(str(value).split()) if value else ""
            found[key] = text or default
        for key, value in (own or {}).items():
            if value not in (None, ""):
                found[key] = value
        return found


def prepare(
    template: Template,
    mapping: Mapping[str, Any],
    *,
    path: str = "variables",
    may_lack: bool = False,
) -> Writer:
    """Return the writer of a template. Raises `VariablesInvalid` with every finding.

    `may_lack` says that people bring values of their own, so that a variable may have no source.
    """
    ready = compiled.of(template)
    findings: list[Finding] = []
    constants: dict[str, Any] = {}
    fields: dict[str, tuple[str, Any]] = {}
    keys = {variable.key: variable.key for variable in ready.variables}
    keys |= {one.alias: one.key for one in ready.variables if one.alias and one.alias not in keys}
    for name, source in mapping.items():
        key = keys.get(str(name))
        if key is None:
            known = ", ".join(dict.fromkeys(keys.values())) or "none"
            findings.append(
                Finding(f"{path}.{name}", "unknown_variable", f"The template's variables: {known}.")
            )
        else:
            _read(key, source, f"{path}.{name}", constants, fields, findings)
    findings += _unfit(ready, constants, fields, path, may_lack=may_lack)
    if findings:
        raise VariablesInvalid(findings)
    return _writer(ready, constants, fields)


def _writer(
    ready: CompiledTemplate, constants: Mapping[str, Any], fields: Mapping[str, tuple[str, Any]]
) -> Writer:
    columns, params = [], {}
    for number, (field, _) in enumerate(fields.values()):
        if field.startswith(_ATTRIBUTE):
            params[f"attribute{number}"] = field.removeprefix(_ATTRIBUTE)
            columns.append(f"c.attributes ->> %(attribute{number})s")
        else:
            columns.append(_FIELDS[field])
    return Writer(
        ready=ready,
        constants=constants,
        fields=tuple((key, default) for key, (_, default) in fields.items()),
        columns=tuple(columns),
        params=params,
        shared=None if fields else _write(ready, constants),
    )


def _read(
    key: str,
    source: Any,
    path: str,
    constants: dict[str, Any],
    fields: dict[str, tuple[str, Any]],
    findings: list[Finding],
) -> None:
    """Put one source where it belongs, or note what is wrong with it."""
    if not isinstance(source, Mapping) or not {"field", "value", "default"} & set(source):
        constants[key] = source
        return
    for name in sorted(set(source) - {"field", "value", "default"}):
        findings.append(
            Finding(f"{path}.{name}", "unknown_field", "A source has field and default, or value.")
        )
    if "value" in source and "field" in source:
        findings.append(Finding(path, "exclusive", "Give either a field or a value."))
    elif "field" in source:
        _read_field(key, source, path, fields, findings)
    else:
        constants[key] = source.get("value", source.get("default"))


def _read_field(
    key: str,
    source: Mapping[str, Any],
    path: str,
    fields: dict[str, tuple[str, Any]],
    findings: list[Finding],
) -> None:
    field = source["field"]
    is_attribute = isinstance(field, str) and field.startswith(_ATTRIBUTE) and len(field) > 11
    if not (is_attribute or field in _FIELDS):
        known = ", ".join([*_FIELDS, "attributes.<name>"])
        findings.append(Finding(f"{path}.field", "unknown_field", f"Fields: {known}."))
        return
    fields[key] = (field, source.get("default"))


def _unfit(
    ready: CompiledTemplate,
    constants: Mapping[str, Any],
    fields: Mapping[str, tuple[str, Any]],
    path: str,
    *,
    may_lack: bool,
) -> list[Finding]:
    """Return what is wrong with constants and defaults, and which variables have no source."""
    defaults = {key: default for key, (_, default) in fields.items()}
    return [
        Finding(f"{path}.{one.path}", one.rule, f"{one.path}: {one.detail}")
        for one in ready.check({**defaults, **constants})
        if not (one.rule == "required" and (may_lack or _is_filled(one.path, defaults)))
    ]


def _is_filled(path: str, defaults: Mapping[str, Any]) -> bool:
    return path in defaults and defaults[path] in (None, "")


def _write(ready: CompiledTemplate, values: Mapping[str, Any]) -> Written:
    findings = ready.check(values)
    if findings:
        missing = [one.path for one in findings if one.rule == "required"]
        if missing:
            return Written(None, MISSING, f"variable {missing[0]}")
        return Written(None, INVALID, f"variable {findings[0].path}: {findings[0].rule}")
    return Written(orjson.dumps(ready.assemble(values)).decode())
