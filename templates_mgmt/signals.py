"""Facts the templates app announces."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class TemplateStatusChanged:
    """A template's state at Meta changed; sent in the transaction that wrote it."""

    business_id: UUID
    template_id: UUID
    before: str
    after: str
    reason: str


template_status_changed = Signal()  # kwargs: fact: TemplateStatusChanged
