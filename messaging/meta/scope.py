"""Say whose webhook change is being read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from messaging.meta.facts import UnknownItem


@dataclass(frozen=True, slots=True)
class Scope:
    """Hold what all items of one change share. `sent_at` is the entry's time, often absent."""

    waba_id: str
    phone_number_id: str
    display_phone_number: str
    field: str
    sent_at: datetime | None
    standby: bool = False

    def in_standby(self) -> Scope:
        return replace(self, standby=True)

    def unknown(self, kind: str, raw: Any) -> UnknownItem:
        return UnknownItem(self.waba_id, self.phone_number_id, self.field, kind, raw)
