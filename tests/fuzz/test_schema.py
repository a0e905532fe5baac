"""Every operation of the API document, called with made-up input: no 5xx, answers as described.

`FUZZ_EXAMPLES=500 pytest tests/fuzz` looks longer and at other input each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rest_framework.throttling import SimpleRateThrottle
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts import tokens
from accounts.models import Role
from messaging.api.webhook_schema import PATH as WEBHOOK
from tests.guards.routes import Route, all_routes
from tests.guards.tenants import Tenant, make_tenant
from tests.guards.test_isolation import FOREIGN
from tests.messaging.pump import WABA
from tests.sandbox import SandboxProcess

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
IS_LONG = "FUZZ_EXAMPLES" in os.environ
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Signing in is slow on purpose.
DEAR = {"/api/auth/token"}


@pytest.fixture
def tenant(transactional_db: None, sandbox: SandboxProcess) -> Tenant:
    made = make_tenant("Amaryllis", 1_234_567, "+34600111001")
    made.account.waba_id = WABA
    made.account.save()
    return made


@pytest.fixture(autouse=True)
def unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    for scope in ("caller", "anonymous", "login"):
        monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, "1000000/min")


def operations() -> Iterator[Any]:
    """Yield every operation of the document, reading ones first."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # no types upstream
    schema: Any = schemathesis.openapi.from_dict(_plain(document))
    schema.app = get_wsgi_application()
    found = [result.ok() for result in schema.get_all_operations()]
    ours = [one for one in found if one.path != WEBHOOK]
    yield from sorted(ours, key=lambda one: (one.method != "get", one.path, one.method))


def test_no_input_breaks_an_operation_and_every_answer_fits_its_schema(tenant: Tenant) -> None:
    routes = {_template(route): route for route in all_routes()}
    broken: list[str] = []

    for operation in operations():
        try:
            _fuzz(operation, routes[operation.path], tenant)
        except (Exception, BaseExceptionGroup) as error:  # all that is wrong, at once
            broken.append(f"{operation.method.upper()} {operation.path}\n{_first_lines(error)}")

    assert not broken, "\n\n".join(broken)


def _fuzz(operation: Any, route: Route, tenant: Tenant) -> None:
    token = tokens.start_family(tenant.users[Role.OWNER], now=timezone.now()).access
    count = 3 if operation.path in DEAR else EXAMPLES

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not IS_LONG,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(), is_real=st.booleans())
    def call(case: Any, is_real: bool) -> None:
        if is_real and route.name in FOREIGN:
            [name] = case.path_parameters
            case.path_parameters = {name: str(FOREIGN[route.name][0](tenant))}
        # A business of its own choosing would be none of the caller's.
        headers = {name: value for name, value in (case.headers or {}).items()
                   if name.lower() not in {"x-business-id", "authorization"}}  # fmt: skip
        case.headers = headers
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(response, checks=CHECKS)

    call()


def _template(route: Route) -> str:
    """Return the path as the document writes it."""
    prefix, _, rest = route.title.partition("<")
    if not rest:
        return prefix
    parameter, _, end = rest.partition(">")
    name = parameter.rpartition(":")[2]
    return f"{prefix}{{{'id' if name == 'pk' else name}}}{end}"


def _plain(document: Any) -> Any:
    return orjson.loads(orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS))


def _first_lines(error: BaseException) -> str:
    parts = [str(one) for one in getattr(error, "exceptions", [error])]
    return "\n".join("\n".join(part.splitlines()[:25]) for part in parts)
