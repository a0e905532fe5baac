"""Meta's words for states, qualities and categories, and ours. Pure."""

from __future__ import annotations

from typing import Final

from templates_mgmt.models import Template

Status = Template.Status

# A flagged template still goes out; REINSTATED and UNARCHIVED bring one back.
# Source: shared/meta/templates.md and webhooks.md, section 5 (read 2026-11-20).
_STATUSES: Final = {
    "PENDING": Status.PENDING,
    "APPROVED": Status.APPROVED,
    "FLAGGED": Status.APPROVED,
    "REINSTATED": Status.APPROVED,
    "UNARCHIVED": Status.APPROVED,
    "REJECTED": Status.REJECTED,
    "PAUSED": Status.PAUSED,
    "DISABLED": Status.DISABLED,
    "IN_APPEAL": Status.IN_APPEAL,
    "PENDING_DELETION": Status.PENDING_DELETION,
    "DELETED": Status.DELETED,
    "LIMIT_EXCEEDED": Status.LIMIT_EXCEEDED,
    "LOCKED": Status.LOCKED,
    "ARCHIVED": Status.ARCHIVED,
}

# Of two events of one second the later in this list stands.
_GRAVITY: Final = (
    "UNKNOWN",
    "PENDING",
    "IN_APPEAL",
    "FLAGGED",
    "REINSTATED",
    "UNARCHIVED",
    "APPROVED",
    "REJECTED",
    "LIMIT_EXCEEDED",
    "PAUSED",
    "LOCKED",
    "ARCHIVED",
    "DISABLED",
    "PENDING_DELETION",
    "DELETED",
)
_QUALITIES: Final = ("UNKNOWN", "GREEN", "YELLOW", "RED")


def status_of(word: str) -> Template.Status:
    """Return our status for Meta's word; a new word is `unknown`, which is not sendable."""
    return _STATUSES.get(word.upper(), Status.UNKNOWN)


def quality_of(word: str) -> Template.Quality:
    """Return our quality for Meta's word."""
    known = word.upper() if word.upper() in _QUALITIES else "UNKNOWN"
    return Template.Quality[known]


def category_of(word: str, *, otherwise: str = Template.Category.MARKETING) -> str:
    """Return our category for Meta's word; a new word counts as marketing, the strictest."""
    name = word.upper()
    return Template.Category[name].value if name in Template.Category.names else otherwise


def status_gravity(word: str) -> int:
    """Return how grave a state is, to choose between events of one second."""
    name = word.upper()
    return _GRAVITY.index(name) if name in _GRAVITY else 0


def quality_gravity(word: str) -> int:
    """Return how grave a quality is."""
    name = word.upper()
    return _QUALITIES.index(name) if name in _QUALITIES else 0
