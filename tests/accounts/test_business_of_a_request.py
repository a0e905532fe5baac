"""Which business a request acts in."""

import uuid
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts import access, business_choice, businesses, tenancy
from accounts.middleware import BusinessMiddleware
from accounts.models import ApiKey, Business, Membership, Role
from config.lib.errors import NotFound
from tests.factories.accounts import ApiKeyFactory, MembershipFactory, issue_key
from tests.factories.cast import Cast, client_of, client_of_key, make_cast

KEYS = "/api/api-keys"


def test_a_member_of_one_business_need_not_name_it(cast: Cast) -> None:
    ours = ApiKeyFactory.create(business=cast.business)
    ApiKeyFactory.create(business=cast.other_business)

    page = client_of(cast.alice).get(KEYS).json()

    assert [row["id"] for row in page["results"]] == [str(ours.pk)]


def test_a_member_of_several_must_name_one(cast: Cast) -> None:
    MembershipFactory.create(business=cast.other_business, user=cast.alice, role=Role.OWNER)

    refused = client_of(cast.alice).get(KEYS)
    chosen = client_of(cast.alice, cast.other_business).get(KEYS)

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == "business_required"
    assert chosen.status_code == 200


def test_a_platform_admin_must_name_one(cast: Cast) -> None:
    assert client_of(cast.paula).get(KEYS).status_code == 400
    assert client_of(cast.paula, cast.other_business).get(KEYS).status_code == 200


@pytest.mark.parametrize(
    "business_id", ["0197a1b2-0000-7000-8000-000000000000", "x", "é", "0" * 300]
)
def test_a_business_that_does_not_exist_is_a_404(cast: Cast, business_id: str) -> None:
    for user in (cast.alice, cast.paula):
        client = client_of(user)
        assert client.get(KEYS, HTTP_X_BUSINESS_ID=business_id).status_code == 404


def test_a_foreign_business_answers_like_one_that_does_not_exist(cast: Cast) -> None:
    client = client_of(cast.alice)

    foreign = client.get(KEYS, HTTP_X_BUSINESS_ID=str(cast.other_business.pk))
    missing = client.get(KEYS, HTTP_X_BUSINESS_ID=str(uuid.uuid4()))

    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()


def test_a_key_is_of_one_business(cast: Cast) -> None:
    client = client_of_key(issue_key(cast.business, "api_keys.view"))

    assert client.get(KEYS).status_code == 200
    foreign = client.get(KEYS, HTTP_X_BUSINESS_ID=str(cast.other_business.pk))
    assert foreign.status_code == 404


def test_a_user_without_business_may_only_ask_who_they_are(cast: Cast) -> None:
    cast.alice.memberships.all().delete()

    assert client_of(cast.alice).get(KEYS).json()["errors"][0]["code"] == "no_business"
    assert client_of(cast.alice).get("/api/auth/me").json()["businesses"] == []


def test_a_suspended_business_refuses_members_and_keys(cast: Cast) -> None:
    secret = issue_key(cast.business, "api_keys.view")
    businesses.suspend(business=cast.business, by=None)

    for client in (client_of(cast.alice), client_of_key(secret)):
        refused = client.get(KEYS)
        assert refused.status_code == 403
        assert refused.json()["errors"][0]["code"] == "business_suspended"
    assert client_of(cast.paula, cast.business).get(KEYS).status_code == 200


def test_a_suspended_business_keeps_its_settings(cast: Cast) -> None:
    businesses.suspend(business=cast.business, by=None)
    url = f"/api/businesses/{cast.business.pk}"

    refused = client_of(cast.alice).patch(url, {"name": "Another name"})
    named = client_of(cast.alice, cast.business).patch(url, {"name": "Another name"})

    assert refused.status_code == named.status_code == 403
    assert refused.json()["errors"][0]["code"] == "business_suspended"
    assert client_of(cast.paula).patch(url, {"name": "Another name"}).status_code == 200


def test_tenant_rows_cannot_be_read_outside_a_scope(cast: Cast) -> None:
    with pytest.raises(tenancy.NoBusinessInScope):
        ApiKey.objects.count()


def test_a_request_leaves_no_scope_behind(cast: Cast) -> None:
    client_of(cast.alice).get(KEYS)

    assert tenancy.find_current_id() is None


def test_a_page_acts_in_the_business_of_the_session(cast: Cast) -> None:
    MembershipFactory.create(business=cast.other_business, user=cast.alice, role=Role.AGENT)
    request = page_of(cast)

    assert seen_by(request) == cast.business.pk
    business_choice.switch(request, business_id=str(cast.other_business.pk))
    assert seen_by(request) == cast.other_business.pk


def test_being_added_elsewhere_moves_nobody(cast: Cast) -> None:
    intruder = businesses.open_(name="  0 First by name")
    MembershipFactory.create(business=intruder, user=cast.alice, role=Role.OWNER)

    assert seen_by(page_of(cast)) == cast.business.pk


def test_a_session_cannot_switch_to_a_foreign_business(cast: Cast) -> None:
    request = page_of(cast)

    with pytest.raises(NotFound):
        business_choice.switch(request, business_id=str(cast.other_business.pk))
    request.session[business_choice.SESSION_KEY] = str(cast.other_business.pk)
    assert seen_by(request) == cast.business.pk


def test_the_session_opens_the_api_in_the_same_business(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get(KEYS).status_code == 200
    assert (
        client.get(KEYS, headers={"X-Business-Id": str(cast.other_business.pk)}).status_code == 404
    )
    assert client.post(KEYS, {}, content_type="application/json").status_code == 400


def test_the_session_needs_the_csrf_token_to_write(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(KEYS, {}, content_type="application/json").status_code == 403


def test_a_streamed_answer_is_made_in_the_scope_of_its_request(cast: Cast) -> None:
    ApiKeyFactory.create(business=cast.business, name="ours")

    def names() -> Iterator[bytes]:
        for key in ApiKey.objects.all():
            yield key.name.encode()

    response = BusinessMiddleware(lambda _: StreamingHttpResponse(names()))(page_of(cast))

    assert isinstance(response, StreamingHttpResponse)
    assert b"".join(response) == b"ours"
    assert tenancy.find_current_id() is None


def page_of(cast: Cast) -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = cast.alice
    request.session = Client().session
    return request


def seen_by(request: HttpRequest) -> uuid.UUID | None:
    seen: list[Business | None] = []

    def view(inner: HttpRequest) -> HttpResponse:
        caller = access.of(inner)
        seen.append(caller.business if caller else None)
        assert tenancy.find_current_id() == (seen[0] and seen[0].pk)
        return HttpResponse()

    BusinessMiddleware(view)(request)
    return seen[0].pk if seen[0] else None


@pytest.mark.django_db(transaction=True)
async def test_the_business_holds_in_an_async_stack_too() -> None:
    cast = await sync_to_async(make_cast)()
    await sync_to_async(ApiKeyFactory.create)(business=cast.business)
    client = AsyncClient()
    await client.aforce_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    page = await client.get(KEYS)
    foreign = await client.get(KEYS, headers={"X-Business-Id": str(cast.other_business.pk)})

    await sync_to_async(lambda: connection.close())()
    assert len(page.json()["results"]) == 1
    assert foreign.status_code == 404
    assert tenancy.find_current_id() is None


def test_asking_for_no_rows_needs_no_scope(db: None) -> None:
    assert list(ApiKey.objects.none()) == []


@pytest.mark.django_db(transaction=True)
async def test_a_page_of_an_async_stack_shows_the_zone_of_its_business() -> None:
    cast = await sync_to_async(make_cast)()
    cast.business.time_zone = "America/Bogota"
    await cast.business.asave()
    client = AsyncClient()
    await client.aforce_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    page = await client.get(reverse("admin:accounts_membership_changelist"))
    member = await Membership.objects.aget(user=cast.bob)
    joined = member.created_at.astimezone(ZoneInfo("America/Bogota"))

    await sync_to_async(lambda: connection.close())()
    assert f"{joined.day} {joined:%b %Y, %H:%M}" in page.content.decode()
    assert timezone.get_current_timezone_name() == "UTC"
