"""Every answer has one shape, and nothing a client sends makes a 500."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Role
from config.lib.api import permissions
from config.lib.api.views import ApiView
from tests.factories.accounts import BusinessFactory
from tests.factories.cast import Cast, client_of, make_cast

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.config.api_urls")]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> APIClient:
    return client_of(cast.alice, cast.business)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def send_raw(client: Any, body: bytes) -> Any:
    return client.generic("POST", "/api/echo", body, content_type="application/json")


def error_of(response: Any) -> dict[str, Any]:
    (error,) = response.json()["errors"]
    return dict(error)


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [
        ("invalid", 400, "validation_error", "invalid"),
        ("not_allowed", 403, "client_error", "permission_denied"),
        ("not_found", 404, "client_error", "not_found"),
        ("conflict", 409, "client_error", "last_owner"),
        ("too_many", 429, "client_error", "throttled"),
        ("unavailable", 503, "server_error", "unavailable"),
        ("database", 503, "server_error", "unavailable"),
        ("redis", 503, "server_error", "unavailable"),
        ("range", 400, "validation_error", "invalid"),
        ("bug", 500, "server_error", "error"),
    ],
)
def test_every_failure_has_the_same_body(
    client: Client, kind: str, status: int, type_: str, code: str
) -> None:
    response = client.get(f"/api/failing/{kind}")

    assert response.status_code == status
    assert response.json()["type"] == type_
    assert error_of(response)["code"] == code
    assert set(error_of(response)) - {"extra"} == {"code", "detail", "attr"}
    assert ("Retry-After" in response) == (status in (429, 503))
    assert b"secret detail" not in response.content


@pytest.mark.parametrize(("kind", "status"), [("database", 503), ("redis", 503), ("bug", 500)])
def test_what_fails_before_a_view_is_reached_has_it_too(
    client: Client, kind: str, status: int
) -> None:
    response = client.get(f"/api/django-failing/{kind}")

    assert response.status_code == status
    assert response.json()["type"] == "server_error"
    assert ("Retry-After" in response) == (status == 503)


def test_an_error_names_its_field_and_carries_its_facts(client: Client) -> None:
    error = error_of(client.get("/api/failing/invalid"))

    assert (error["attr"], error["extra"]) == ("name", {"findings": [1]})


@pytest.mark.parametrize("address", ["/api/nowhere", "/api/echo/", "/api/text/\x00"])
def test_what_does_not_exist_is_a_404(client: Client, address: str) -> None:
    response = client.get(address)

    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"


def test_wrong_methods_and_media_types_have_the_body_too(alice: APIClient) -> None:
    wrong_method = alice.delete("/api/echo")
    wrong_type = alice.post("/api/echo", b"a=b", content_type="text/plain")

    assert (wrong_method.status_code, error_of(wrong_method)["code"]) == (405, "method_not_allowed")
    assert (wrong_type.status_code, error_of(wrong_type)["code"]) == (415, "unsupported_media_type")
    assert "GET" in wrong_method["Allow"]


def test_a_stranger_gets_401_and_the_way_in(client: Client) -> None:
    response = client.get("/api/echo")

    assert response.status_code == 401
    assert error_of(response)["code"] == "not_authenticated"
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_refusal_names_the_permission(cast: Cast) -> None:
    analyst = cast.add(Role.ANALYST)

    response = client_of(analyst, cast.business).get("/api/echo")

    assert response.status_code == 403
    assert "messages.view" in error_of(response)["detail"]


BODIES = [
    b"",
    b"{",
    b"[]",
    b"1",
    b'"x"',
    b"null",
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"name": "\\u0000"}',
    b'{"\\u0000": 1}',
    b'{"name": "\\ud800"}',
    b'{"metadata": {"x": ["\\u0000"]}}',
    b'{"name": "\xff\xfe"}',
    b'{"metadata": ' + b"[" * 60 + b"]" * 60 + b"}",
    b'{"metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"count": ' + b"9" * 5000 + b"}",
    b'{"count": 1e999}',
    b'{"metadata": 1e999}',
    b'{"count": "' + b"9" * 5000 + b'"}',
    b'{"count": []}',
    b'{"to": {}}',
    b'{"at": "9999-99-99"}',
    b'{"at": 1e400}',
    b'{"at": "0001-01-01T00:00:00+14:00"}',
    b"\xef\xbb\xbf{}",
]


@pytest.mark.parametrize("body", BODIES[1:], ids=range(1, len(BODIES)))
def test_hostile_json_is_a_400(alice: APIClient, body: bytes) -> None:
    response = send_raw(alice, body)

    assert response.status_code == 400, response.content[:200]
    assert response.json()["errors"]


def test_no_body_at_all_is_an_empty_object(alice: APIClient) -> None:
    assert send_raw(alice, b"").json() == {}


@hypothesis_settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    body=st.dictionaries(
        st.sampled_from(["to", "phone", "at", "name", "count", "metadata"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_no_json_makes_a_500(alice: APIClient, settings: Settings, body: dict[str, Any]) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # throttling lets through what it cannot count

    response = send_raw(alice, json.dumps(body).encode())

    assert response.status_code in (200, 400)


@pytest.mark.parametrize(
    "query",
    [
        "name=%00",
        "name=%ED%A0%80%00",
        "%00=1",
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "limit=" + "9" * 5000,
        "limit=%D9%A1",
        "cursor=x",
        "cursor=cD0wMDAw",
        "cursor=%FF",
        "cursor=bz0tMQ==",
        "cursor=cD0lMDA=",
        "created_at__gte=x",
        "created_at__gte=999999999999",
        "unknown=1",
        "name__icontains=x",
    ],
)
def test_hostile_queries_are_a_400(alice: APIClient, query: str) -> None:
    response = alice.get(f"/api/businesses?{query}")

    assert response.status_code == 400, response.content[:200]


def test_an_unknown_filter_is_named(alice: APIClient) -> None:
    error = error_of(alice.get("/api/businesses?colour=red"))

    assert (error["code"], error["attr"]) == ("unknown_filter", "colour")
    assert "name" in error["detail"]
    assert alice.get("/api/businesses?tz=UTC&name=x").status_code == 200


def test_a_body_that_is_too_large_is_a_413(alice: APIClient, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    response = alice.post("/api/echo", {"name": "x" * 200})

    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")


def test_times_are_utc_with_z(alice: APIClient) -> None:
    assert alice.get("/api/echo").json() == {"at": "2026-11-20T12:00:00Z"}
    given = {"at": "2026-11-20T14:00:00+02:00"}
    assert alice.post("/api/echo", given).json() == {"at": "2026-11-20T12:00:00Z"}


def test_numbers_are_read_as_those_of_the_business(cast: Cast, alice: APIClient) -> None:
    cast.business.region = "BR"
    cast.business.save(update_fields=["region"])

    answer = alice.post("/api/echo", {"phone": "11 98765-4321", "to": "US.123"}).json()

    assert answer == {"phone": "+5511987654321", "to": "US.123"}
    error = error_of(alice.post("/api/echo", {"phone": "12"}))
    assert (error["code"], error["attr"]) == ("invalid_recipient", "phone")


def test_pages_run_from_new_to_old_and_back(alice: APIClient) -> None:
    made = [str(one.pk) for one in BusinessFactory.create_batch(5)][::-1]

    first = alice.get("/api/businesses?limit=2").json()
    second = alice.get(first["next"]).json()

    assert [row["id"] for row in first["results"]] == made[:2]
    assert [row["id"] for row in second["results"]] == made[2:4]
    assert alice.get(second["previous"]).json()["results"] == first["results"]
    assert first["previous"] is None


def test_callers_are_throttled_one_by_one(
    cast: Cast, alice: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from config.lib.api.throttles import CallerThrottle

    monkeypatch.setattr(
        CallerThrottle, "THROTTLE_RATES", {"caller": "2/hour", "anonymous": "1/hour"}
    )
    answers = [alice.get("/api/echo").status_code for _ in range(3)]

    assert answers == [200, 200, 429]
    assert 1 <= int(alice.get("/api/echo")["Retry-After"]) <= 3600
    assert client_of(cast.bob, cast.business).get("/api/echo").status_code == 200


def test_redis_down_does_not_stop_the_api(alice: APIClient, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert alice.get("/api/echo").status_code == 200


def test_a_view_without_a_permission_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="no permission"):
        type("Forgot", (ApiView,), {})
    with pytest.raises(TypeError, match="no permission for POST"):
        type("Half", (ApiView,), {"permissions": {"GET": "a"}, "post": lambda self: None})
    type("Base", (ApiView,), {"abstract": True})
    type("Open", (ApiView,), {"permission": permissions.PUBLIC})


def test_uploads_go_where_they_are_declared(alice: APIClient) -> None:
    file = SimpleUploadedFile("a.txt", b"hello")

    assert alice.post("/api/upload", {"file": file}, format="multipart").json() == {"size": 5}
    assert alice.post("/api/echo", {"file": file}, format="multipart").status_code == 415
