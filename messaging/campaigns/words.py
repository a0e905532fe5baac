"""A campaign in words, for people who decide about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.lib import moments
from messaging.contacts.models import ContactImport, ContactList
from templates_mgmt import compiled
from templates_mgmt.models import Template


def audience(spec: Mapping[str, Any], *, is_kept: bool = False) -> list[str]:
    """Return an audience in words, one condition each.

    What is kept does without the name of an import's file, which may name a person.
    """
    words: list[str] = []
    if spec.get("all"):
        words.append("Everybody")
    if spec.get("recipients"):
        words.append("People named one by one")
    if "list" in spec:
        found = ContactList.objects.filter(pk=spec["list"]).first()
        words.append(f"List “{found.name if found else 'deleted'}”")
    if "import" in spec:
        held = ContactImport.objects.filter(pk=spec["import"]).first()
        words.append(_import(held, is_kept=is_kept))
    if "tag" in spec:
        words.append(f"Tag “{spec['tag']}”")
    for name, value in spec.get("filter", {}).items():
        words.append(f"{name.replace('_', ' ').capitalize()}: {_value(value)}")
    return words or ["Nobody yet"]


def _import(held: ContactImport | None, *, is_kept: bool) -> str:
    if held is None:
        return "Import “deleted”"
    if is_kept or not held.filename:
        return f"Import of {moments.short(held.created_at)}"
    return f"Import “{held.filename}”"


def text_of(template: Template) -> str:
    """Return the text of a message with its variables as they stand in the template."""
    return compiled.of(template).definition.body.text


def variables(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each variable and where its value comes from."""
    return [(f"Variable {key}", _source(source)) for key, source in mapping.items()]


def _source(source: Any) -> str:
    if not isinstance(source, Mapping):
        return f"“{source}”"
    if "field" in source:
        default = source.get("default")
        rest = f", or “{default}”" if default not in (None, "") else ""
        return f"the person's {str(source['field']).removeprefix('attributes.')}{rest}"
    return f"“{source.get('value', source.get('default', ''))}”"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name} of {_value(words)}" for name, words in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
