"""Two businesses: nothing of one ever appears in the other, on any route, for any role.

Routes and models are enumerated, so a new one is covered the day it is added, or fails here until
it says how: a path parameter in `FOREIGN`, a row in `tests/guards/tenants.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Approval, Role, User
from config.lib.ids import new_id
from tests.factories.accounts import PlatformAdminFactory
from tests.factories.cast import client_of
from tests.guards.routes import Route, all_routes
from tests.guards.tenants import Tenant, make_tenant, missing_models

UNKNOWN_PHONE = "+34600999888"
UNKNOWN_NUMBER = "987654321987"

# The row of a business that a route's path names, and how an id that does not exist looks.
Reference = tuple[Callable[[Tenant], Any], str]
FOREIGN: dict[str, Reference] = {
    "invitation": (lambda one: one.invitation.pk, "uuid"),
    "invitation-accept": (lambda one: one.invitation.pk, "uuid"),
    "invitation-decline": (lambda one: one.invitation.pk, "uuid"),
    "invitation-resend": (lambda one: one.invitation.pk, "uuid"),
    "member-sign-in": (lambda one: one.users[Role.AGENT].sign_ins.latest("id").pk, "uuid"),
    "member-sign-ins": (lambda one: one.users[Role.AGENT].pk, "number"),
    "own-sign-in": (lambda one: one.users[Role.AGENT].sign_ins.latest("id").pk, "uuid"),
    **{
        name: (lambda one: Approval.across_businesses.get(business=one.business).pk, "uuid")
        for name in ("approval", "approval-approve", "approval-reject", "approval-withdraw")
    },
    "api-key": (lambda one: one.api_key.pk, "uuid"),
    "audit-logs-of-user": (lambda one: one.users[Role.AGENT].pk, "number"),
    "business": (lambda one: one.business.pk, "uuid"),
    "bulk-send-control": (lambda one: one.campaign.pk, "uuid"),
    "bulk-send-state": (lambda one: one.campaign.pk, "uuid"),
    "consent": (lambda one: one.contact.phone, "phone"),
    "consent-proof": (lambda one: one.contact.phone, "phone"),
    "contact": (lambda one: one.contact.pk, "uuid"),
    "contact-import": (lambda one: one.contact_import.pk, "uuid"),
    "contact-import-commit": (lambda one: one.contact_import.pk, "uuid"),
    "contact-import-refused": (lambda one: one.contact_import.pk, "uuid"),
    "delivery-of-message": (lambda one: one.message.pk, "uuid"),
    "key-rotate": (lambda one: one.api_key.pk, "uuid"),
    "list": (lambda one: one.contact_list.pk, "uuid"),
    "list-contacts": (lambda one: one.contact_list.pk, "uuid"),
    "member-permissions": (lambda one: one.users[Role.AGENT].pk, "number"),
    "message": (lambda one: one.message.pk, "uuid"),
    "privacy-download": (lambda one: one.privacy_request.pk, "uuid"),
    "privacy-request": (lambda one: one.privacy_request.pk, "uuid"),
    "privacy-start": (lambda one: one.privacy_request.pk, "uuid"),
    "privacy-withdraw": (lambda one: one.privacy_request.pk, "uuid"),
    "retry-of-message": (lambda one: one.message.pk, "uuid"),
    "sender": (lambda one: one.sender.pk, "uuid"),
    "tag": (lambda one: one.tag.pk, "number"),
    "tag-contacts": (lambda one: one.tag.pk, "number"),
    "template": (lambda one: one.template.pk, "uuid"),
    "user-second-factor": (lambda one: one.users[Role.AGENT].pk, "number"),
    "user": (lambda one: one.users[Role.AGENT].pk, "number"),
}
MISSING = {"uuid": str(new_id()), "phone": UNKNOWN_PHONE, "number": UNKNOWN_NUMBER}

# What a route must be asked to show rows.
QUERIES = {"report-csv": "?report=messages", "report-excel": "?report=messages"}

# Bodies for methods that read them before they look for the row.
GIVEN = {("put", "member-permissions"): {"role": "agent"}}

# Rows of no business: only their metadata is shown, and only a platform admin does more.
OF_NO_BUSINESS = frozenset({"backups", "backup"})

# Collections that hold nothing of any business.
WITHOUT_ROWS = OF_NO_BUSINESS | {"own-invitations", "own-sign-ins", "permission-roles"}

# Anyone may be asked for by number: of somebody unknown nothing is known.
PEOPLE_BY_NUMBER = frozenset({"consent"})

# Rows named in a body or query. A foreign one is answered as one that does not exist.
TEXT = {"type": "text", "text": {"body": "Hello"}}
BODIES: list[tuple[str, str, str, dict[str, Any], Callable[[Tenant], Any], str]] = [
    ("post", "whatsapp/send", "contact", TEXT, lambda one: one.contact.pk, "uuid"),
    ("post", "whatsapp/send", "sender", TEXT | {"to": UNKNOWN_PHONE},
     lambda one: one.sender.phone_number_id, "number"),
    ("put", "whatsapp/rate-limit", "sender", {"per_hour": 1},
     lambda one: one.sender.phone_number_id, "number"),
    ("post", "whatsapp/rate-limit/pause", "sender", {"reason": "x"},
     lambda one: one.sender.phone_number_id, "number"),
    ("post", "whatsapp/rate-limit/resume", "sender", {},
     lambda one: one.sender.phone_number_id, "number"),
    ("post", "whatsapp/rate-limit/reset", "sender", {},
     lambda one: one.sender.phone_number_id, "number"),
    ("post", "messages/retry", "campaign", {}, lambda one: one.campaign.pk, "uuid"),
    ("post", "messages/retry", "template", {}, lambda one: one.template.pk, "uuid"),
    ("post", "messages/retry", "sender", {}, lambda one: one.sender.phone_number_id, "number"),
    ("post", "privacy/requests", "contact", {"kind": "access"}, lambda one: one.contact.pk, "uuid"),
    ("post", "permissions", "user", {"role": "agent"}, lambda one: one.users[Role.AGENT].pk,
     "number"),
    ("post", "permissions/check", "user", {"permission": "messages.view"},
     lambda one: one.users[Role.AGENT].pk, "number"),
]  # fmt: skip
FILTERS: list[tuple[str, str, Callable[[Tenant], Any], str]] = [
    ("whatsapp/messages", "campaign", lambda one: one.campaign.pk, "uuid"),
    ("whatsapp/messages", "to", lambda one: one.contact.phone, "phone"),
    ("whatsapp/messages", "sender", lambda one: one.sender.phone_number_id, "number"),
    ("whatsapp/delivery", "campaign", lambda one: one.campaign.pk, "uuid"),
    ("whatsapp/delivery", "sender", lambda one: one.sender.phone_number_id, "number"),
    ("senders", "account", lambda one: one.account.pk, "uuid"),
    ("templates", "account", lambda one: one.account.pk, "uuid"),
    ("compliance/consent", "phone_number", lambda one: one.contact.phone, "phone"),
]

ALICE, CHARLIE = "Amaryllis", "Camembert"


@pytest.fixture
def alice(db: None) -> Tenant:
    return make_tenant(ALICE, 1_234_567, "+34600111001")


@pytest.fixture
def charlie(db: None) -> Tenant:
    return make_tenant(CHARLIE, 7_654_321, "+34600222002")


def callers(tenant: Tenant) -> Iterator[tuple[str, APIClient]]:
    """Yield a client for each role inside the business, and the platform admin acting in it."""
    for role, user in tenant.users.items():
        yield role, client_of(user)
    admin: User = PlatformAdminFactory.create()
    yield "platform_admin", client_of(admin, tenant.business)


def routes(*, with_parameters: bool) -> list[Route]:
    """Return the routes that name a row in their path, or those that do not."""
    found = [one for one in all_routes() if bool(one.parameters) is with_parameters]
    return [one for one in found if not (with_parameters and one.name in OF_NO_BUSINESS)]


def answered(client: APIClient, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Return status and text of an answer, streamed or not: as without a test around it."""
    with tenancy.no_scope():
        answer: Any = getattr(client, method)(f"/{path}", body)
        raw = answer.getvalue()
    if raw.startswith(b"PK"):
        with ZipFile(BytesIO(raw)) as workbook:
            raw = b"".join(workbook.read(name) for name in workbook.namelist())
    return answer.status_code, raw.decode("utf-8", "replace")


def shown(client: APIClient, route: Route) -> str:
    """Return what a collection shows."""
    return answered(client, "get", route.path + QUERIES.get(route.name, ""))[1]


def filled(route: Route, value: Any) -> str:
    prefix, _, rest = route.path.partition("<")
    return f"{prefix}{value}{rest.partition('>')[2]}"


def test_every_kind_of_row_has_one_in_a_tenant(alice: Tenant) -> None:
    assert not missing_models(alice), "write a row of these in tests/guards/tenants.py"


def test_every_route_that_names_a_row_says_which() -> None:
    unknown = {one.name for one in routes(with_parameters=True)} - FOREIGN.keys()

    assert not unknown, "say in FOREIGN which row the path of these routes names"


def test_no_collection_shows_a_row_of_another_business(alice: Tenant, charlie: Tenant) -> None:
    marks = charlie.marks
    found = [
        f"{role}: {route.title} shows {mark}"
        for role, client in callers(alice)
        for route in routes(with_parameters=False)
        if "get" in route.methods and not _may_see_all(role, route)
        for text in [shown(client, route)]
        for mark in marks
        if mark in text
    ]

    assert not found


def test_every_collection_would_show_the_rows_it_hides(charlie: Tenant) -> None:
    client, marks = client_of(charlie.users[Role.OWNER]), charlie.marks
    silent = [
        route.title
        for route in routes(with_parameters=False)
        if "get" in route.methods and route.name not in WITHOUT_ROWS
        for text in [shown(client, route)]
        if not any(mark in text for mark in marks)
    ]

    assert not silent, "write rows that these show in tests/guards/tenants.py"


def test_a_foreign_id_is_answered_like_one_that_does_not_exist(
    alice: Tenant, charlie: Tenant
) -> None:
    before = charlie.snapshot()
    different = [
        f"{role}: {method.upper()} {route.title}: {foreign} instead of {missing}"
        for role, client in callers(alice)
        for route in routes(with_parameters=True)
        if not _may_see_all(role, route)
        for method in route.methods
        for foreign, missing in [_both(client, method, route, charlie)]
        if foreign != missing
    ]

    assert not different
    assert charlie.snapshot() == before


def test_a_foreign_id_is_not_found(alice: Tenant, charlie: Tenant) -> None:
    client = client_of(alice.users[Role.OWNER])
    found = {
        f"{method.upper()} {route.title}": status
        for route in routes(with_parameters=True)
        for method in route.methods
        for status in [_both(client, method, route, charlie)[0][0]]
        if status != 404 and route.name not in PEOPLE_BY_NUMBER
    }

    assert not found


def test_an_own_id_is_found(alice: Tenant) -> None:
    client = client_of(alice.users[Role.OWNER])
    lost = [
        route.title
        for route in routes(with_parameters=True)
        if "get" in route.methods
        if answered(client, "get", filled(route, FOREIGN[route.name][0](alice)))[0] != 200
    ]

    assert not lost


def test_a_foreign_row_in_a_body_is_answered_like_one_that_does_not_exist(
    alice: Tenant, charlie: Tenant
) -> None:
    client = client_of(alice.users[Role.OWNER])
    before = charlie.snapshot()

    for method, path, field, body, of, kind in BODIES:
        foreign, missing = str(of(charlie)), MISSING[kind]
        answers = [
            _without(*answered(client, method, f"api/{path}", body | {field: value}), value)
            for value in (foreign, missing)
        ]
        assert answers[0] == answers[1], f"{path} with a foreign {field}"
    assert charlie.snapshot() == before


def test_a_foreign_row_in_a_filter_is_answered_like_one_that_does_not_exist(
    alice: Tenant, charlie: Tenant
) -> None:
    client = client_of(alice.users[Role.OWNER])

    for path, field, of, kind in FILTERS:
        foreign, missing = (
            client.get(f"/api/{path}", {field: value})
            for value in (str(of(charlie)), MISSING[kind])
        )
        assert foreign.status_code == missing.status_code, f"{path}?{field}"
        assert not any(mark in foreign.content.decode() for mark in charlie.marks)


def _may_see_all(role: str, route: Route) -> bool:
    """A platform admin sees every business in the list of businesses, and nowhere else."""
    return role == "platform_admin" and route.name in {"businesses", "business"}


def _both(
    client: APIClient, method: str, route: Route, charlie: Tenant
) -> tuple[tuple[int, str], tuple[int, str]]:
    """Return what a foreign and a missing id are answered, the ids taken out."""
    of, kind = FOREIGN[route.name]
    values = (str(of(charlie)), MISSING[kind])
    body = GIVEN.get((method, route.name), {})
    foreign, missing = (
        _without(*answered(client, method, filled(route, value), body), value) for value in values
    )
    return foreign, missing


def _without(status: int, text: str, value: str) -> tuple[int, str]:
    return status, text.replace(value, "…")
