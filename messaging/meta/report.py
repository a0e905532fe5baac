"""Collect what is wrong with a piece of content, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """Say what is wrong where. `path` is dotted (`interactive.body.text`)."""

    path: str
    rule: str
    detail: str


class Report:
    """Gather findings while reading content of unknown shape."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def add(self, path: str, rule: str, detail: str) -> None:
        self.findings.append(Finding(path, rule, detail))

    def text(self, path: str, value: Any, longest: int, *, required: bool = True) -> str:
        """Require text of 1 to `longest` characters; return it, or "" when it is unusable."""
        if value is None or value == "":
            if required:
                self.add(path, "required", "This field may not be empty.")
            return ""
        if not isinstance(value, str):
            self.add(path, "type", "This must be text.")
            return ""
        if required and not value.strip():
            self.add(path, "required", "This field may not be blank.")
        if len(value) > longest:
            self.add(path, "too_long", f"{len(value)} characters; Meta allows {longest}.")
        return value

    def object(self, path: str, value: Any, *, required: bool = True) -> Mapping[str, Any] | None:
        """Require a JSON object; return it, or None when it is unusable or absent."""
        if isinstance(value, dict):
            return value
        if value is not None or required:
            rule = "required" if value is None else "type"
            self.add(path, rule, "This must be an object.")
        return None

    def rows(
        self, path: str, value: Any, least: int, most: int
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Require an array of `least` to `most` objects; yield each with its path."""
        if not isinstance(value, list):
            self.add(path, "required" if value is None else "type", "This must be a list.")
            return
        if not least <= len(value) <= most:
            self.add(path, "count", f"{len(value)} entries; Meta allows {least} to {most}.")
        for index, row in enumerate(value):
            at = f"{path}.{index}"
            found = self.object(at, row)
            if found is not None:
                yield at, found

    def url(self, path: str, value: Any, longest: int = 2000) -> None:
        """Require an http(s) address."""
        text = self.text(path, value, longest)
        if text and not text.startswith(("https://", "http://")):
            self.add(path, "url", "This must start with https:// or http://.")

    def unique(self, path: str, values: list[str], what: str) -> None:
        """Require that no value repeats."""
        filled = [value for value in values if value]
        if len(set(filled)) != len(filled):
            self.add(path, "unique", f"Each {what} may appear once.")

    def flag(self, path: str, value: Any) -> None:
        """Allow true, false or nothing."""
        if value is not None and not isinstance(value, bool):
            self.add(path, "type", "This must be true or false.")
