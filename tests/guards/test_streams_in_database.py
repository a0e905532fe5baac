"""Answers that leave piece by piece, after their request: each piece is of its own business.

Under ASGI as in production, with the application's filters off, two businesses' streams in turns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from accounts import tenancy
from accounts.models import Role
from config.lib import streams
from tests.guards.routes import all_routes
from tests.guards.tenants import Tenant, make_tenant
from tests.guards.test_admin_pages import addresses
from tests.guards.test_isolation import FOREIGN, OF_NO_BUSINESS, QUERIES, filled
from tests.guards.test_isolation_in_database import taken  # noqa: F401

pytestmark = pytest.mark.django_db

# What is known to stream, so that a test that finds nothing to read does not pass.
KNOWN = {
    "audit-export",
    "consent-export",
    "messaging_campaign_outcomes",
    "privacy-download",
    "report-csv",
    "report-excel",
}


@pytest.fixture
def alice() -> Tenant:
    # Their numbers stand in no id that the factories count up to.
    return make_tenant("Amaryllis", 8_913_572, "+34600111001")


@pytest.fixture
def charlie() -> Tenant:
    return make_tenant("Camembert", 7_246_819, "+34600222002")


def test_streams_side_by_side_each_show_their_own_business(
    alice: Tenant, charlie: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PIECE_BYTES", 1)
    marks = [(one, other.marks) for one, other in ((alice, charlie), (charlie, alice))]
    clients = [_client(alice), _client(charlie)]
    problems, found = [], set()
    for (name, ours), (_, theirs) in zip(_gets(alice), _gets(charlie), strict=True):
        with tenancy.no_scope():
            texts = async_to_sync(_side_by_side)(clients, [ours, theirs])
        found |= {name} if texts else set()
        for text, (tenant, foreign) in zip(texts, marks, strict=bool(texts)):
            problems += [f"{name} shows nothing of its own"] * (not _shows(tenant, text))
            problems += [f"{name} shows {mark}" for mark in foreign if mark in text]

    assert problems == []
    assert found >= KNOWN


def _gets(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Yield every route and page, by name, with an address of the tenant's."""
    for route in all_routes():
        if "get" not in route.methods or route.name in OF_NO_BUSINESS:
            continue
        named = filled(route, FOREIGN[route.name][0](tenant)) if route.parameters else route.path
        yield route.name, f"/{named}{QUERIES.get(route.name, '')}"
    for page, url in addresses(tenant):
        yield page.name, url


def _client(tenant: Tenant) -> AsyncClient:
    client = AsyncClient()
    client.force_login(
        tenant.users[Role.OWNER], backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


async def _side_by_side(clients: list[AsyncClient], urls: list[str]) -> list[str]:
    """Return what two answers say, a piece of each in turn; nothing if they do not stream."""
    answers: list[Any] = []
    for client, url in zip(clients, urls, strict=True):
        answers.append(await client.get(url))
        if not getattr(answers[-1], "is_async", False):
            return []
    contents = [b"", b""]
    open_ = dict(enumerate(aiter(one) for one in answers))
    while open_:
        for number, content in list(open_.items()):
            piece = await _next(content)
            contents[number] += piece or b""
            if piece is None:
                del open_[number]
    return [_text(content) for content in contents]


async def _next(content: AsyncIterator[bytes]) -> bytes | None:
    return await anext(content, None)


def _text(content: bytes) -> str:
    if content.startswith(b"PK"):
        with ZipFile(BytesIO(content)) as workbook:
            content = b"".join(workbook.read(name) for name in workbook.namelist())
    return content.decode(errors="replace")


def _shows(tenant: Tenant, text: str) -> bool:
    return any(mark in text for mark in (tenant.word, str(tenant.number), *tenant.marks))
