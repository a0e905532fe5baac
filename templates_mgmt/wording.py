"""Check the text of a template's body and header: placeholders, examples, length. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

from templates_mgmt.definition import PLACEHOLDER, Finding, objects, placeholders

_NAMED: Final = re.compile(r"[a-z][a-z0-9_]*")
_ANY_BRACES: Final = re.compile(r"\{\{|\}\}")
_ADJACENT: Final = re.compile(r"\}\}\s*\{\{")
_EDGE_START: Final = re.compile(r"\s*\{\{[^{}]*\}\}")
_EDGE_END: Final = re.compile(r"\{\{[^{}]*\}\}[\s.,;:!?]*\Z")
_MANY_BREAKS: Final = re.compile(r"\n{3,}")

Json = Mapping[str, Any]


def is_text(value: Any) -> TypeGuard[str]:
    """Tell whether a value is text with something to read in it."""
    return isinstance(value, str) and bool(value.strip())


def check_text(
    path: str, part: Json, example_key: str, longest: int, *, named: bool
) -> Iterator[Finding]:
    """Yield what is wrong with a text part. `example_key`: header_text or body_text."""
    text = part.get("text")
    at = f"{path}.text"
    if not is_text(text):
        yield Finding(at, "required", "This part needs text.", "Write the text.")
        return
    if len(text) > longest:
        detail = f"{len(text)} characters; Meta allows {longest}."
        yield Finding(at, "too_long", detail, "Shorten the text.")
    names = placeholders(text)
    yield from _braces(at, text)
    yield from _names(at, names, named)
    yield from _examples(path, part, example_key, names, named)
    if example_key == "body_text":
        yield from _body_rules(at, text, names)


def _braces(path: str, text: str) -> Iterator[Finding]:
    if _ANY_BRACES.search(PLACEHOLDER.sub("", text)):
        yield Finding(path, "placeholder", "A placeholder is not complete.", "Write it like {{1}}.")


def _names(path: str, names: list[str], named: bool) -> Iterator[Finding]:
    if named:
        wrong = [name for name in names if not _NAMED.fullmatch(name)]
        if wrong:
            yield Finding(
                path,
                "placeholder",
                f"Not a name: {', '.join(wrong)}.",
                "Use lower-case letters, digits and underscores: {{first_name}}.",
            )
        return
    if sorted(names, key=_number) != [str(number) for number in range(1, len(names) + 1)]:
        yield Finding(
            path,
            "placeholder",
            "Variables must be numbered from {{1}} without gaps.",
            "Renumber them, or choose the named format.",
        )


def _number(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isascii() and name.isdigit() else (0, name)


def _examples(path: str, part: Json, key: str, names: list[str], named: bool) -> Iterator[Finding]:
    if not names:
        return
    example = part.get("example")
    example = example if isinstance(example, dict) else {}
    missing = (
        _missing_named(example.get(f"{key}_named_params"), names)
        if named
        else _missing_positional(example.get(key), names)
    )
    if missing:
        yield Finding(
            f"{path}.example",
            "example",
            f"Meta's review needs an example for: {', '.join(missing)}.",
            "Give a realistic example, not personal data.",
        )


def _missing_named(rows: Any, names: list[str]) -> list[str]:
    given = {row.get("param_name") for row in objects(rows) if is_text(row.get("example"))}
    return [name for name in names if name not in given]


def _missing_positional(values: Any, names: list[str]) -> list[str]:
    if isinstance(values, list) and values and isinstance(values[0], list):
        values = values[0]
    given = values if isinstance(values, list) else []
    filled = {str(number) for number, value in enumerate(given, start=1) if is_text(value)}
    return [name for name in names if name not in filled]


def _body_rules(path: str, text: str, names: list[str]) -> Iterator[Finding]:
    if _MANY_BREAKS.search(text):
        detail = "There may be two line breaks in a row."
        yield Finding(path, "line_breaks", detail, "Remove the empty lines.")
    if not names:
        return
    if _EDGE_START.match(text) or _EDGE_END.search(text):
        yield Finding(
            path,
            "edge_variable",
            "The body may not start or end with a variable.",
            "Put words before the first and after the last variable.",
        )
    if _ADJACENT.search(text):
        yield Finding(
            path, "adjacent", "Two variables stand side by side.", "Put words between them."
        )
    words = len(PLACEHOLDER.sub(" ", text).split())
    if words < 2 * len(names) + 1:
        yield Finding(
            path,
            "ratio",
            f"{words} words for {len(names)} variables: Meta tends to refuse so few.",
            f"Write at least {2 * len(names) + 1} words besides the variables.",
        )
