"""What a person's page shows and does about consent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import User
from compliance import audit, blocks, consent, ledger, persons, proof
from compliance.models import Consent, ConsentEvent, ConsentStatus
from config.lib.admin import Call, asking, verb
from messaging.admin.forms.consents import BlockForm
from messaging.admin.forms.contacts import OptInForm, OptOutForm
from messaging.contacts.models import Contact
from messaging.inbox import reach
from messaging.inbox.person import Thread

VIEW, MANAGE = "consent.view", "consent.manage"
_SHOWN: Final = 30
_LINES: Final = 240
_SOURCE: Final = ConsentEvent.Source.ADMIN
_PROOF: Final = (
    "You get one signed page with everything this person agreed to and refused. It shows their "
    "whole number: keep it as you keep the consent itself."
)


def facts(
    request: HttpRequest, contact: Contact, threads: Sequence[Thread], *, now: datetime
) -> dict[str, Any]:
    """Return what the page shows, nothing to who may not see consent."""
    if not asking.allows(request, VIEW):
        return {"reach": (), "events": (), "is_blocked": False}
    events = ledger.list_events(contact.address_keys).select_related("actor")
    return {
        "reach": reach.of(contact, threads, now=now),
        "events": ledger.statements(events[:_LINES])[:_SHOWN],
        "is_blocked": is_blocked(contact, now=now),
    }


def is_blocked(contact: Contact, *, now: datetime) -> bool:
    """Say whether a block of this person is not over."""
    rows = Consent.objects.filter(address__in=contact.address_keys, blocked_until__gt=now)
    return bool(rows.exists())


@transaction.atomic
def record(
    contact: Contact,
    status: ConsentStatus,
    *,
    by: User | None,
    scope: str,
    reason: str,
    now: datetime,
    wording: str = "",
    until: datetime | None = None,
) -> None:
    """Record what an operator was told about a person, with who recorded it."""
    consent.record(
        addresses=_hold(contact),
        scopes=consent.expand(scope),
        status=status,
        source=_SOURCE,
        occurred_at=now,
        now=now,
        until=until,
        reason=reason,
        wording=wording,
        evidence={"kind": "operator", "operator": str(by or "")},
        actor=by,
    )
    audit.record(
        action=f"consent.{status.value}",
        resource="contact",
        resource_id=str(contact.pk),
        details={"scope": scope},
        actor=by,
    )


@transaction.atomic
def lift(contact: Contact, *, by: User | None, now: datetime) -> None:
    """End the block of a person, with who ended it."""
    blocks.lift(
        addresses=_hold(contact),
        scopes=consent.expand("all"),
        source=_SOURCE,
        now=now,
        reason="Ended by hand",
        evidence={"kind": "operator", "operator": str(by or "")},
        actor=by,
    )
    audit.record(
        action="consent.block_lifted",
        resource="contact",
        resource_id=str(contact.pk),
        details={"scope": "all"},
        actor=by,
    )


def _hold(contact: Contact) -> list[str]:
    """Return the addresses of a person, who changes none until the transaction ends."""

    def find() -> list[str]:
        current: Contact | None = Contact.objects.filter(pk=contact.pk).first()
        return (current or contact).address_keys

    return persons.hold(find)


class ConsentVerbs:
    """The buttons about consent on the page of a person."""

    @verb("Record consent", permission=MANAGE, icon="how_to_reg", form=OptInForm)
    def opt_in(self, call: Call) -> str:
        """Record that the person agreed."""
        self._record(call, ConsentStatus.OPTED_IN, wording=call.data["wording"])
        return "The consent is recorded."

    @verb("Opt out", permission=MANAGE, icon="block", form=OptOutForm)
    def opt_out(self, call: Call) -> str:
        """Record that the person wants no more."""
        self._record(call, ConsentStatus.OPTED_OUT)
        return "The person is opted out: nothing of this kind is sent any more."

    @verb("Leave alone for a time", permission=MANAGE, icon="snooze", form=BlockForm)
    def block(self, call: Call) -> str:
        """Block the person; what they agreed to or refused stays as it is."""
        days = call.data["days"]
        self._record(call, ConsentStatus.BLOCKED, until=call.now + timedelta(days=days))
        return f"The person is left alone for {days} {'day' if days == 1 else 'days'}."

    @verb(
        "End the block",
        permission=MANAGE,
        icon="notifications_active",
        confirm="What the person agreed to counts again at once. An opt-out stays an opt-out.",
    )
    def unblock(self, call: Call) -> str:
        """Lift the block before its time."""
        lift(call.obj, by=call.by.user, now=call.now)
        return "The block is over."

    @verb("Proof of consent (PDF)", permission=VIEW, icon="verified", confirm=_PROOF)
    def proof(self, call: Call) -> HttpResponseBase:
        """Hand out a signed page of what the person said."""
        made = proof.make(call.obj.address_keys[0], by=call.by, now=call.now)
        return proof.answer(made)

    def _record(self, call: Call, status: ConsentStatus, **more: Any) -> None:
        record(
            call.obj,
            status,
            by=call.by.user,
            scope=call.data["scope"],
            reason=call.data["reason"],
            now=call.now,
            **more,
        )
