"""What the business in scope demands of its people. Announces `SecurityPolicyChanged`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from accounts import approvals, tenancy
from accounts.access import Access
from accounts.approvals import Asks
from accounts.models import SecurityPolicy
from accounts.models_security import ApprovalKind
from accounts.signals import SecurityPolicyChanged, security_policy_changed
from config.lib.errors import InvalidInput

FIELDS: Final = (
    "needs_second_factor",
    "two_person",
    "campaign_people",
    "campaign_cost",
    "message_price",
)

_LABELS: Final[Mapping[str, str]] = {
    "needs_second_factor": "Second factor for everybody",
    "two_person": "Needs a second person",
    "campaign_people": "Campaigns to more people than",
    "campaign_cost": "Campaigns that may cost more than",
    "message_price": "Most one message costs",
}


def current() -> SecurityPolicy:
    """Return the settings of the business in scope; those of one that made none demand nothing."""
    found: SecurityPolicy | None = SecurityPolicy.objects.first()
    return found or SecurityPolicy(business_id=tenancy.current_id())


def cost_of(people: int) -> Decimal | None:
    """Return what writing to so many people costs at most; None while no price is known."""
    price = current().message_price
    return None if price is None else price * people


@approvals.asking
def update(*, changes: Mapping[str, Any], by: Access, now: datetime) -> SecurityPolicy:
    """Write these settings; making them weaker needs a second person where any rule is on.

    Raises `InvalidInput`, `ApprovalRequired` or `ApprovalVoid`.
    """
    policy = _locked()
    _require_valid(changes)
    before = {name: getattr(policy, name) for name in FIELDS}
    after = before | _plain(changes)
    _require_used(changes, after)
    changed = {name: (before[name], after[name]) for name in FIELDS if before[name] != after[name]}
    if not changed:
        return policy
    if _is_weaker(before, after):
        _require_second_person(policy, changed, after, by=by, now=now)
    for name, value in after.items():
        setattr(policy, name, value)
    policy.save()
    fact = SecurityPolicyChanged(
        policy.business_id, {name: _told(*pair) for name, pair in changed.items()}, by
    )
    security_policy_changed.send(sender=SecurityPolicy, fact=fact)
    return policy


def needs_second_person(*, people: int) -> bool:
    """Tell whether a campaign to so many people needs a second person."""
    policy = current()
    if ApprovalKind.CAMPAIGN not in policy.two_person:
        return False
    limit, most, price = policy.campaign_people, policy.campaign_cost, policy.message_price
    if limit is None and most is None:
        return True
    is_large = limit is not None and people > limit
    # What a message costs is not known: then any number of them may cost too much.
    is_dear = most is not None and (price is None or price * people > most)
    return is_large or is_dear


def _locked() -> SecurityPolicy:
    SecurityPolicy.objects.bulk_create(
        [SecurityPolicy(business_id=tenancy.current_id())], ignore_conflicts=True
    )
    found: SecurityPolicy = SecurityPolicy.objects.select_for_update().get()
    return found


def _require_valid(changes: Mapping[str, Any]) -> None:
    unknown = sorted(set(changes) - set(FIELDS))
    if unknown:
        raise InvalidInput("There is no such setting.", attr=unknown[0])
    beyond = sorted(set(changes.get("two_person", ())) - set(ApprovalKind.values))
    if beyond:
        raise InvalidInput("There is no such kind.", attr="two_person")
    for name in ("campaign_people", "campaign_cost", "message_price"):
        value = changes.get(name)
        if value is not None and value < 0:
            raise InvalidInput("Give a number from 0 upwards.", attr=name)


def _require_used(changes: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse a limit of campaigns that nothing asks about."""
    if ApprovalKind.CAMPAIGN in after["two_person"]:
        return
    for name in ("campaign_people", "campaign_cost"):
        if changes.get(name) is not None:
            raise InvalidInput(
                "This limit does nothing while campaigns need no second person: tick “Campaigns” "
                "above, or leave it empty.",
                attr=name,
            )


def _plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(changes)
    if "two_person" in found:
        found["two_person"] = sorted(set(found["two_person"]) - {ApprovalKind.SECURITY_POLICY})
    return found


def _is_weaker(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether less is demanded than before."""
    fewer = set(before["two_person"]) - set(after["two_person"])
    dropped = before["needs_second_factor"] and not after["needs_second_factor"]
    return bool(fewer or dropped or _lets_more_pass(before, after))


def _lets_more_pass(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether a campaign that needed a second person would need none now."""
    if ApprovalKind.CAMPAIGN not in before["two_person"]:
        return False
    names = ("campaign_people", "campaign_cost")
    if all(before[name] is None for name in names):
        return any(after[name] is not None for name in names)
    if all(after[name] is None for name in names):
        return False
    raised = any(
        before[name] is not None and (after[name] is None or after[name] > before[name])
        for name in names
    )
    cheaper = (
        before["message_price"] is None or (after["message_price"] or 0) < (before["message_price"])
    )
    return raised or (
        before["campaign_cost"] is not None and after["message_price"] is not None and cheaper
    )


def _require_second_person(
    policy: SecurityPolicy,
    changed: Mapping[str, tuple[Any, Any]],
    after: Mapping[str, Any],
    *,
    by: Access,
    now: datetime,
) -> None:
    lines = tuple((_LABELS[name], " → ".join(_told(*pair))) for name, pair in changed.items())
    approvals.require(
        kind=ApprovalKind.SECURITY_POLICY,
        subject_type="security_policy",
        subject_id=str(policy.business_id),
        digest=approvals.digest_of({"the settings": dict(after)}),
        by=by,
        now=now,
        asks=Asks("Make the security settings weaker", lines),
    )


def _told(before: Any, after: Any) -> tuple[str, str]:
    return _word(before), _word(after)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(ApprovalKind(one).label for one in value) or "nothing"
    return "not set" if value is None else str(value)
