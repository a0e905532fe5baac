"""Every operation of the API document, each of its inputs in turn made odd.

Made-up input (`test_schema.py`) seldom meets what people and attackers really send: wrong types,
rows of somebody else, odd Unicode, statements, header tricks, bodies that are no JSON or too long.
Whatever comes: no 5xx, and a refusal is one in our form that changed nothing.

Each input meets a few of the oddities, always the same ones; `FUZZ_EXAMPLES=1` tries them all.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from django.db import connection
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import Role
from messaging.api.webhook_schema import PATH as WEBHOOK
from tests.fuzz.test_schema import IS_LONG, tenant, unthrottled  # noqa: F401  # fixtures
from tests.fuzz.test_schema import _plain as plain
from tests.fuzz.test_schema import _template as template_of
from tests.guards.routes import Route, all_routes
from tests.guards.tenants import Tenant, make_tenant
from tests.guards.test_isolation import FOREIGN

TEXTS: Final = (
    "",
    "\x00",
    chr(0xD800),  # half a character
    "a\u202eb\u0301\U0001f4a5",
    "'; DROP TABLE messaging_contact; --",
    "x\r\nX-Injected: yes",
    "../../etc/passwd",
    "9" * 400,
    "A" * 20_000,
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
)
VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    10**30,
    1e308,
    [],
    {},
    [[["x"]]],
    {"$ne": None},
    *TEXTS,
)
SEGMENTS: Final = ("\x00", "' OR 1=1--", "-1", "9" * 30, "💥", "a" * 2_000, "%2e%2e%2f", "a\r\nb")
BODIES: Final = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"\xff\xfe{}",
    b'{"a":NaN}',
    b"[" * 100_000,
    b'{"name":"' + b"A" * 11_000_000 + b'"}',
)
HEADERS: Final = (
    {"HTTP_X_REQUEST_ID": "a\r\nX-Injected: yes"},
    {"HTTP_IDEMPOTENCY_KEY": "\x00" * 300},
    {"HTTP_X_BUSINESS_ID": "' OR 1=1--"},
    {"HTTP_ACCEPT": "application/xml;q=\x00"},
    {"HTTP_ACCEPT_LANGUAGE": "x" * 5_000},
    {"HTTP_AUTHORIZATION": "Bearer \u00e9.\x00."},
    {"HTTP_AUTHORIZATION": "Api-Key ' OR 1=1--"},
    {"HTTP_X_FORWARDED_FOR": "'; DROP TABLE x, 1.2.3.4"},
    {"content_type": "application/json; charset='none'"},
    {"content_type": "multipart/form-data"},
)
# They note that somebody was there, whatever the answer.
NOTES: Final = frozenset({"AuditEntry", "AuditLink", "AuditPending"})
# Signing in is slow on purpose, and the refusals of too many attempts are answers of their own.
SLOW: Final = {"/api/auth/token"}
FEW: Final = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Operation:
    """One method of one path, with what the document says it takes."""

    method: str
    path: str
    route: Route
    said: Mapping[str, Any]
    schemas: Mapping[str, Any]

    def body(self) -> dict[str, Any] | None:
        """Return a plausible body, nothing when it takes no JSON."""
        content = self.said.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return None
        made = self._example(content["application/json"].get("schema", {}))
        return made if isinstance(made, dict) else None

    def queries(self) -> list[str]:
        """Return the names it takes in the query."""
        return [one["name"] for one in self.said.get("parameters", []) if one["in"] == "query"]

    def _example(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        for word in ("allOf", "oneOf", "anyOf"):
            if word in schema and depth < 5:
                return self._example(schema[word][0], depth + 1)
        if "example" in schema or "default" in schema:
            return schema.get("example", schema.get("default"))
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            parts = schema.get("properties", {}) if depth < 5 else {}
            return {
                name: self._example(part, depth + 1)
                for name, part in parts.items()
                if not part.get("readOnly")
            }
        if kind == "array":
            return [self._example(schema.get("items", {}), depth + 1)] if depth < 5 else []
        formats = {
            "uuid": "01890000-0000-7000-8000-000000000000",
            "date-time": "2027-01-01T10:00:00Z",
            "date": "2027-01-01",
            "email": "somebody@example.com",
            "uri": "https://example.com/x",
        }
        texts = {"string": formats.get(schema.get("format", ""), "x"), "boolean": True}
        return texts.get(kind, schema.get("minimum", 1))


def operations() -> list[Operation]:
    document = plain(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]  # no types upstream
    routes = {template_of(route): route for route in all_routes()}
    found = [
        Operation(method, path, routes[path], said, document["components"]["schemas"])
        for path, methods in document["paths"].items()
        for method, said in methods.items()
        if path != WEBHOOK and path not in SLOW
    ]
    return sorted(found, key=lambda one: (one.method != "get", one.path, one.method))


def test_no_odd_input_breaks_an_operation_or_changes_what_it_refuses(
    tenant: Tenant,  # noqa: F811
) -> None:
    other = make_tenant("Zinnia", 7_654_321, "+34600222002")
    wrong: list[str] = []
    for operation in operations():
        wrong += _try(operation, tenant, other)
    assert not wrong, "\n".join(wrong)


def _try(operation: Operation, own: Tenant, other: Tenant) -> Iterator[str]:
    """Yield what was wrong with the answers of an operation."""
    client: Any = APIClient(raise_request_exception=False)
    token = tokens.start_family(own.users[Role.OWNER], now=timezone.now()).access
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    title = f"{operation.method.upper()} {operation.path}"
    before, written = _rows(own, other), _last_written()
    for what, path, body, headers in _asked(operation, own, other):
        answer = client.generic(
            operation.method.upper(), path, body, **{"content_type": "application/json"} | headers
        )
        if fault := _fault(answer):
            yield f"{title}, {what}: {fault}"
        if _last_written() == written:
            continue
        after, written = _rows(own, other), _last_written()
        if answer.status_code >= 400 and after != before:
            yield f"{title}, {what}: answers {answer.status_code}, and changed rows"
        before = after


def _last_written() -> str:
    """Return up to which transaction the server wrote; most refusals write nothing at all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        return str(cursor.fetchone()[0])


def _rows(*tenants: Tenant) -> list[Any]:
    return [
        {name: rows for name, rows in one.snapshot().items() if name not in NOTES}
        for one in tenants
    ]


def _few(of: Sequence[T], seed: str) -> Sequence[T]:
    """Return some of them, the same ones for the same seed."""
    return of if IS_LONG else random.Random(seed).sample(of, FEW)


Asked = tuple[str, str, bytes, dict[str, Any]]


def _asked(operation: Operation, own: Tenant, other: Tenant) -> Iterator[Asked]:
    """Yield what is odd, the path, the body and the headers."""
    good, seed = _path(operation, own), f"{operation.method} {operation.path} "
    for segment in _few(SEGMENTS, seed) if operation.route.parameters else ():
        yield f"path {segment[:20]!r}", _path(operation, own, segment), b"{}", {}
    for name in operation.queries():
        for text in _few((*TEXTS, "-1", "NaN", str(other.contact.pk)), seed + name):
            encoded = urlencode({name: text}, errors="surrogatepass")
            yield f"?{name}={text[:20]!r}", f"{good}?{encoded}", b"", {}
    for headers in _few(HEADERS, seed):
        yield f"header {headers}"[:60], good, b"{}", dict(headers)
    if operation.method == "get":
        return
    for raw in _few(BODIES, seed):
        yield f"body {raw[:20]!r}", good, raw, {}
    body = operation.body()
    for name in body or {}:
        for value in _few((*VALUES, str(other.contact.pk), other.contact.phone), seed + name):
            odd = json.dumps({**(body or {}), name: value}).encode()
            yield f"{name}={value!r}"[:60], good, odd, {}


def _path(operation: Operation, own: Tenant, segment: str | None = None) -> str:
    if not operation.route.parameters:
        return operation.path
    if segment is None:
        found = FOREIGN.get(operation.route.name)
        segment = str(found[0](own)) if found else "x"
    head, _, rest = operation.path.partition("{")
    return f"{head}{quote(segment, safe='')}{rest.partition('}')[2]}"


def _fault(answer: HttpResponseBase) -> str:
    """Tell what is wrong with an answer, if anything."""
    if answer.status_code >= 500:
        return f"answers {answer.status_code}"
    if "X-Injected" in answer or any("\n" in value for _, value in answer.items()):
        return "lets a header in"
    if answer.status_code < 400 or getattr(answer, "streaming", False):
        return ""
    try:
        errors = json.loads(getattr(answer, "content", b""))["errors"]
        is_ours = all({"code", "detail", "attr"} <= one.keys() for one in errors) and errors
    except (ValueError, KeyError, TypeError, AttributeError):
        is_ours = False
    return "" if is_ours else f"answers {answer.status_code} in a form of its own"
