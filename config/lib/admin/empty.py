"""What an empty list tells its reader to do."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from config.lib.admin.asking import allows


@dataclass(frozen=True, slots=True)
class Step:
    """A button of an empty page: its label, the name of its address, the permission it needs."""

    label: str
    url_name: str
    permission: str = ""
    icon: str = "arrow_forward"

    def url(self) -> str:
        """Return the address, empty when the page does not exist."""
        try:
            return reverse(self.url_name)
        except NoReverseMatch:
            return ""

    def is_open_to(self, request: HttpRequest) -> bool:
        """Tell whether the reader may follow it."""
        return bool(self.url()) and (not self.permission or allows(request, self.permission))


@dataclass(frozen=True, slots=True)
class EmptyState:
    """What stands where rows would be: what is missing and how to get it."""

    title: str
    text: str
    icon: str = "inbox"
    steps: tuple[Step, ...] = ()

    def for_reader(self, request: HttpRequest) -> dict[str, object]:
        """Return what the template shows to this reader."""
        return {
            "title": self.title,
            "text": self.text,
            "icon": self.icon,
            "steps": [step for step in self.steps if step.is_open_to(request)],
        }
