"""What each role may do."""

from itertools import pairwise

import pytest

from accounts import grants, holdings, roles
from accounts.models import Role
from config.lib.errors import InvalidInput, NotAllowed
from tests.factories.cast import Cast

# The permissions the routes of the API name.
NAMED_BY_ROUTES = [
    "messages.send",
    "messages.bulk_send",
    "messages.view",
    "messages.retry",
    "rate_limits.view",
    "rate_limits.manage",
    "consent.view",
    "consent.manage",
    "audit.view",
    "audit.create",
    "templates.view",
    "templates.edit",
    "templates.approve",
    "backups.create",
    "backups.view",
    "backups.restore",
    "backups.delete",
    "permissions.view",
    "permissions.manage",
    "analytics.view",
    "analytics.track",
    "reports.view",
    "sales.record",
    "reports.schedule",
]


def test_every_permission_of_the_routes_exists() -> None:
    assert set(NAMED_BY_ROUTES) <= set(roles.PERMISSIONS)


def test_every_permission_has_a_sentence() -> None:
    assert all(text.endswith(".") for text in roles.PERMISSIONS.values())


def test_there_are_six_roles_highest_first() -> None:
    assert list(roles.matrix()) == [
        "platform_admin",
        "owner",
        "manager",
        "agent",
        "analyst",
        "auditor",
    ]


def test_each_of_the_first_four_ranks_holds_what_the_next_holds() -> None:
    held = [roles.matrix()[role] for role in ("platform_admin", "owner", "manager", "agent")]

    assert all(lower < higher for higher, lower in pairwise(held))


def test_the_auditor_reads_everything_and_changes_nothing() -> None:
    views = {p for p in roles.PERMISSIONS if p.endswith(".view")}

    assert roles.of_role("auditor") == views - roles.PLATFORM_ONLY


def test_the_analyst_sees_numbers_but_no_messages() -> None:
    held = roles.of_role("analyst")

    assert {"analytics.view", "reports.view"} <= held
    assert not {p for p in held if p.startswith(("messages.", "conversations.", "contacts."))}


@pytest.mark.parametrize("role", list(Role))
def test_no_role_of_a_business_touches_backups(role: Role) -> None:
    assert not roles.PLATFORM_ONLY & roles.of_role(role)


def test_an_unknown_permission_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"messages\.sned"):
        roles.require_known({"messages.sned", "messages.send"})


def test_what_a_user_holds_depends_on_the_business(cast: Cast) -> None:
    assert holdings.effective(cast.alice, cast.business) == roles.of_role("owner")
    assert holdings.effective(cast.bob, cast.business) == roles.of_role("agent")
    assert holdings.effective(cast.alice, cast.other_business) == frozenset()
    assert holdings.effective(cast.paula, cast.other_business) == roles.ALL_PERMISSIONS


def test_an_inactive_user_holds_nothing(cast: Cast) -> None:
    cast.alice.is_active = False

    assert holdings.effective(cast.alice, cast.business) == frozenset()


def test_nobody_gives_what_they_do_not_hold() -> None:
    with pytest.raises(NotAllowed, match=r"backups\.restore"):
        grants.require_within(frozenset({"backups.restore"}), held=roles.of_role("owner"))
