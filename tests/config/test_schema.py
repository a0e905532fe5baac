"""The OpenAPI document says what an operation takes and how it fails."""

from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

pytestmark = pytest.mark.urls("tests.config.api_urls")


@pytest.fixture
def document() -> dict[str, Any]:
    generator: Any = SchemaGenerator
    return dict(generator().get_schema(request=None, public=True))


def names(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation["parameters"]}


def followed(document: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return what a `$ref` leads to; a reference that leads nowhere is an error."""
    target = found.get("$ref")
    if target is None:
        return found
    for name in target.removeprefix("#/").split("/"):
        document = document[name]
    return document


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"


def test_an_operation_lists_its_headers_filters_and_permission(document: dict[str, Any]) -> None:
    listing = document["paths"]["/api/businesses"]
    echo = document["paths"]["/api/echo"]

    assert {"limit", "cursor", "name", "created_at__gte", "X-Business-Id"} <= names(listing["get"])
    assert "Idempotency-Key" in names(listing["post"])
    assert "Permission: `messages.view`." in echo["get"]["description"]


def test_every_error_has_the_one_body(document: dict[str, Any]) -> None:
    post = document["paths"]["/api/businesses"]["post"]
    get = document["paths"]["/api/businesses"]["get"]

    assert {"400", "401", "403", "409", "413", "415", "429", "503"} <= set(post["responses"])
    assert "409" not in get["responses"]
    refusals = [answer for code, answer in post["responses"].items() if code >= "400"]
    schemas = {
        followed(document, answer)["content"]["application/json"]["schema"]["$ref"]
        for answer in refusals
    }
    assert schemas == {"#/components/schemas/ErrorBody"}
    assert followed(document, {"$ref": schemas.pop()})["required"] == ["errors", "type"]


@pytest.mark.urls("config.urls")
@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/api/docs/", "/api/redoc/"])
def test_the_pages_load_nothing_from_elsewhere(client: Client, page: str) -> None:
    content = client.get(page).content.decode()

    assert "/static/drf_spectacular_sidecar/" in content
    assert "cdn" not in content


@pytest.mark.urls("config.urls")
def test_the_root_leads_to_the_admin(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"
