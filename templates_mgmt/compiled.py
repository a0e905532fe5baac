"""Templates prepared for many sends, remembered as long as they do not change."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from templates_mgmt.components import CompiledTemplate, compile_template
from templates_mgmt.definition import read
from templates_mgmt.models import Template


def of(template: Template) -> CompiledTemplate:
    """Return the template ready to check values and build Meta's `template` object."""
    return _compiled(_Key(template))


class _Key:
    """A template by identity and last change, so that an edited one is prepared anew."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self._identity: tuple[Any, ...] = (template.pk, template.updated_at)

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._identity == other._identity


@lru_cache(maxsize=256)
def _compiled(key: _Key) -> CompiledTemplate:
    template = key.template
    definition = read(
        template.components,
        name=template.name,
        language=template.language,
        category=template.category,
        parameter_format=template.parameter_format,
    )
    return compile_template(definition)
