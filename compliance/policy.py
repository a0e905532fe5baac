"""When and how often the business in scope writes to people who agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from django.db import connection, transaction

from accounts import tenancy
from accounts.access import Access
from compliance import audit, quiet, zones
from compliance.models import ContactPolicy
from compliance.quiet import QuietHours
from config.lib.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Cap:
    """The most marketing messages one person gets in a time."""

    most: int
    days: int

    def since(self, now: datetime) -> datetime:
        """Return the instant from which messages count."""
        return now - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a business decided. `home` is its own time zone."""

    home: str
    quiet_hours: QuietHours | None = None
    cap: Cap | None = None
    block_days: int = 30
    confirms: bool = True

    def quiet_until(
        self, *, phone: str, country: str, time_zone: str, now: datetime
    ) -> datetime | None:
        """Return when marketing may go to a person there, None when it may now."""
        if self.quiet_hours is None:
            return None
        places = zones.of_person(time_zone=time_zone, phone=phone, country=country, home=self.home)
        return quiet.until(self.quiet_hours, places, now)


def current() -> Policy:
    """Return the policy of the business in scope, in one query: the pump asks every round."""
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT, [tenancy.current_id()])
        home, begin, end, most, days, block_days, confirms = cursor.fetchone()
    if block_days is None:
        return Policy(home)
    return Policy(
        home=home,
        quiet_hours=_quiet_hours(begin, end),
        cap=Cap(most, days) if most else None,
        block_days=block_days,
        confirms=confirms,
    )


_CURRENT: Final = (
    "SELECT b.time_zone, p.quiet_from, p.quiet_until, p.cap_messages, p.cap_days, p.block_days, "
    "p.confirms FROM accounts_business b "
    "LEFT JOIN compliance_contactpolicy p ON p.business_id = b.id WHERE b.id = %s"
)


def stored() -> ContactPolicy:
    """Return the row of the business in scope, made with the defaults if need be."""
    row: ContactPolicy
    row, _ = ContactPolicy.objects.get_or_create(business_id=tenancy.current_id())
    return row


@transaction.atomic
def change(*, by: Access | None, **values: Any) -> ContactPolicy:
    """Change the policy of the business in scope. Raises `InvalidInput` naming the field."""
    row: ContactPolicy = ContactPolicy.objects.select_for_update().get(pk=stored().pk)
    before = {name: _plain(getattr(row, name)) for name in values}
    for name, value in values.items():
        setattr(row, name, value)
    check(quiet_from=row.quiet_from, quiet_until=row.quiet_until)
    row.save()
    after = {name: _plain(value) for name, value in values.items()}
    audit.record(
        action="contact_policy.changed",
        resource="contact_policy",
        resource_id=str(row.pk),
        details={
            name: [before[name], after[name]] for name in after if before[name] != after[name]
        },
        actor=by.user if by else None,
        actor_name=by.actor_name if by else "",
    )
    return row


def check(*, quiet_from: time | None, quiet_until: time | None) -> None:
    """Refuse half a night, and one that would leave no day. Raises `InvalidInput`."""
    if (quiet_from is None) != (quiet_until is None):
        missing = "quiet_from" if quiet_from is None else "quiet_until"
        raise InvalidInput("Give both times, or neither.", attr=missing)
    hours = _quiet_hours(quiet_from, quiet_until)
    if hours is None:
        return
    if hours.begin == hours.end:
        raise InvalidInput("The quiet hours begin and end at the same time.", attr="quiet_until")
    if hours.length > quiet.LONGEST_NIGHT:
        raise InvalidInput(
            "Quiet hours last 12 hours at most: in a country with many time zones longer ones "
            "would leave no time at all.",
            attr="quiet_until",
        )


def _quiet_hours(begin: time | None, end: time | None) -> QuietHours | None:
    if begin is None or end is None:
        return None
    return QuietHours(begin.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0))


def _plain(value: Any) -> Any:
    return value.isoformat("minutes") if isinstance(value, time) else value
