"""Role by route by page: what each may, enumerated from the code, against a table people read."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import roles
from accounts.models import Role, User
from config.lib.api.permissions import PUBLIC, declared
from tests.factories.accounts import PlatformAdminFactory
from tests.factories.cast import client_of
from tests.guards import rights
from tests.guards.routes import Route, all_routes
from tests.guards.tenants import Tenant, make_tenant
from tests.guards.test_admin_pages import addresses, session_of
from tests.guards.test_isolation import FOREIGN, MISSING
from tests.undone import undone

WRITE = bool(os.environ.get("WRITE_RIGHTS"))
# Nobody is told more than that something is there and not for them.
REFUSED = frozenset({"permission_denied"})


@pytest.fixture
def ours(db: None, settings: Any) -> Tenant:
    """Return a business with one row of everything, and a Meta that does not answer."""
    settings.META_GRAPH_URL = "http://127.0.0.1:1"
    return make_tenant("Lilium", 7_771_301, "+34611000001")


@pytest.fixture(params=rights.COLUMNS)
def role(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_each_role_may_what_the_table_says(ours: Tenant, role: str) -> None:
    user = PlatformAdminFactory.create() if role == roles.PLATFORM_ADMIN else ours.users[Role(role)]
    found = routes_of(user, ours) | pages_of(user, ours)
    if WRITE:
        rights.write({line: {role: may} for line, may in found.items()})
    table = rights.read()

    wrong = [
        f"{line}: {role} {'may' if may else 'may not'}, the table says otherwise"
        for line, may in found.items()
        if line in table and table[line][role] != may
    ]

    assert sorted(found.keys() - table.keys()) == [], "write a line for these in rights.md"
    assert sorted(table.keys() - found.keys()) == [], "take these out of rights.md"
    assert wrong == []


def test_nobody_uses_a_route_without_signing_in(ours: Tenant) -> None:
    client = APIClient()

    open_ = [
        line
        for route in all_routes()
        for method in route.methods
        if declared(route.view, method.upper()) != PUBLIC
        for line in [f"{method.upper()} {route.title}"]
        if asked(client, method, address_of(route, ours)).status_code != 401
    ]

    assert open_ == []


def routes_of(user: User, tenant: Tenant) -> dict[str, bool]:
    """Return which routes let this person through, asked with nothing to do."""
    client = client_of(user, tenant.business)
    return {
        f"{method.upper()} {route.title}": may_use(client, method, address_of(route, tenant))
        for route in all_routes()
        for method in route.methods
    }


def pages_of(user: User, tenant: Tenant) -> dict[str, bool]:
    """Return which pages open for this person."""
    client = session_of(user, tenant)
    return {f"/{page.path}": opens(client, url) for page, url in addresses(tenant)}


def opens(client: Client, url: str) -> bool:
    """Tell whether there is a page for this person; one that only takes forms is sent an empty one.

    A row that is not theirs to see is not found.
    """
    status: int = asked(client, "get", url).status_code
    if status == 405:
        status = asked(client, "post", url).status_code
    return status not in {403, 404}


def may_use(client: APIClient, method: str, path: str) -> bool:
    """Tell whether the answer is anything but "you may not"."""
    answer = asked(client, method, path)
    assert answer.status_code != 500, f"{method} {path}"
    if answer.status_code != 403:
        return bool(answer.status_code != 401)
    return not REFUSED & {error["code"] for error in answer.json()["errors"]}


def asked(client: APIClient | Client, method: str, path: str) -> Any:
    """Ask, and take back whatever it did."""
    if isinstance(client, APIClient):
        client.raise_request_exception = False  # a Meta that is away is an answer
    with undone():
        return getattr(client, method)(path)


def address_of(route: Route, tenant: Tenant) -> str:
    """Return the route's address with the tenant's row in it."""
    prefix, _, rest = route.path.partition("<")
    if not rest:
        return f"/{prefix}"
    missing = MISSING["uuid"] if "uuid" in rest else "1"
    value = FOREIGN[route.name][0](tenant) if route.name in FOREIGN else missing
    return f"/{prefix}{value}{rest.partition('>')[2]}"
