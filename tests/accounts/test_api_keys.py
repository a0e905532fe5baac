"""API keys: shown once, limited, revocable."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import api_keys, tenancy
from accounts.models import ApiKey, IdempotencyRecord, Role, User
from accounts.signals import ApiKeyIssued, api_key_issued
from config.lib import crypto
from tests.factories.accounts import ApiKeyFactory, full_access, issue_key
from tests.factories.cast import Cast, client_of, client_of_key

KEYS = "/api/api-keys"
USERS = "/api/users"


def test_the_secret_is_shown_once_and_stored_nowhere(cast: Cast) -> None:
    client = client_of(cast.alice)

    issued = client.post(KEYS, {"name": "Shop", "permissions": ["users.view"]}).json()

    row = ApiKey.across_businesses.get(pk=issued["id"])
    listed = client.get(KEYS).json()["results"]
    assert issued["key"].startswith(issued["prefix"])
    assert issued["key"] not in {str(value) for value in vars(row).values()}
    assert [set(item) & {"key", "digest"} for item in listed] == [set()]


def test_a_key_does_what_it_was_made_for_and_no_more(cast: Cast) -> None:
    client = client_of_key(issue_key(cast.business, "users.view"))

    assert client.get(USERS).status_code == 200
    assert client.post(USERS, {"email": "x@example.com", "role": "agent"}).status_code == 403
    assert client.get(KEYS).status_code == 403


def test_nobody_issues_more_than_they_hold(cast: Cast) -> None:
    wanted = {"name": "Backups", "permissions": ["backups.restore"]}

    refused = client_of(cast.alice).post(KEYS, wanted)

    assert refused.status_code == 403
    assert refused.json()["errors"][0]["code"] == "beyond_own_permissions"


def test_no_key_of_a_business_holds_what_is_for_platform_admins(cast: Cast) -> None:
    wanted = {"name": "Backups", "permissions": ["users.view", "backups.restore"]}

    refused = client_of(cast.paula, cast.business).post(KEYS, wanted)

    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["code"], error["attr"]) == ("platform_only", "permissions")
    assert "backups.restore" in error["detail"]
    assert "users.view" not in error["detail"]


def test_a_key_made_before_that_was_refused_does_not_open_it(cast: Cast) -> None:
    client = client_of_key(issue_key(cast.business, "users.view"))
    stored = ["users.view", "backups.view"]
    ApiKey.across_businesses.filter(business=cast.business).update(permissions=stored)

    asked = client.post("/api/permissions/check", {"permission": "backups.view"})

    assert asked.json()["allowed"] is False
    assert client.get(USERS).status_code == 200


def test_a_key_that_makes_keys_gives_only_its_own_rights(cast: Cast) -> None:
    client = client_of_key(issue_key(cast.business, "api_keys.manage", "users.view"))

    more = client.post(KEYS, {"name": "More", "permissions": ["messages.send"]})
    same = client.post(KEYS, {"name": "Same", "permissions": ["users.view"]})

    assert (more.status_code, same.status_code) == (403, 201)


@pytest.mark.parametrize("permissions", [[], ["messages.sned"], "messages.send", [""]])
def test_permissions_that_are_none_are_refused(cast: Cast, permissions: object) -> None:
    refused = client_of(cast.alice).post(KEYS, {"name": "Bad", "permissions": permissions})

    assert refused.status_code == 400


def test_a_revoked_key_is_out_at_once(cast: Cast) -> None:
    secret = issue_key(cast.business, "users.view")
    key = ApiKey.across_businesses.get(business=cast.business)

    gone = client_of(cast.alice).delete(f"{KEYS}/{key.pk}")

    refused = client_of_key(secret).get(USERS)
    assert gone.status_code == 204
    assert refused.status_code == 401
    assert refused.json()["errors"][0]["code"] == "api_key_revoked"
    assert client_of(cast.alice).delete(f"{KEYS}/{key.pk}").status_code == 204


def test_a_key_ends_when_it_expires(cast: Cast) -> None:
    now = timezone.now()
    secret = issue_key(cast.business, "users.view", expires_at=now + timedelta(hours=1))

    assert api_keys.verify(secret=secret, now=now)
    with pytest.raises(api_keys.KeyRefused, match="expired"):
        api_keys.verify(secret=secret, now=now + timedelta(hours=1))


def test_an_expiry_in_the_past_is_refused(cast: Cast) -> None:
    wanted = {"name": "Old", "permissions": ["users.view"], "expires_at": "2020-01-01T00:00:00Z"}

    assert client_of(cast.alice).post(KEYS, wanted).status_code == 400


def test_an_expiry_more_than_a_hundred_years_ahead_is_refused(cast: Cast) -> None:
    wanted = {"name": "Old", "permissions": ["users.view"], "expires_at": "9999-12-31T23:59:59Z"}

    refused = client_of(cast.alice).post(KEYS, wanted)

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"], error["attr"]) == (
        400,
        "too_far_ahead",
        "expires_at",
    )
    assert not ApiKey.across_businesses.filter(business=cast.business).exists()


def test_a_rotated_key_keeps_its_rights_and_the_old_one_ends(cast: Cast) -> None:
    old = issue_key(cast.business, "users.view")
    key = ApiKey.across_businesses.get(business=cast.business)

    rotated = client_of(cast.alice).post(f"{KEYS}/{key.pk}/rotate")

    assert rotated.status_code == 201
    assert client_of_key(rotated.json()["key"]).get(USERS).status_code == 200
    assert client_of_key(old).get(USERS).status_code == 401


def test_a_foreign_key_is_a_404(cast: Cast) -> None:
    foreign = ApiKeyFactory.create(business=cast.other_business)
    client = client_of(cast.alice)

    assert client.get(f"{KEYS}/{foreign.pk}").status_code == 404
    assert client.delete(f"{KEYS}/{foreign.pk}").status_code == 404
    assert client.post(f"{KEYS}/{foreign.pk}/rotate").status_code == 404
    assert client.get(f"{KEYS}/not-an-id").status_code == 404


def test_last_used_is_kept_to_the_minute(cast: Cast) -> None:
    secret = issue_key(cast.business, "users.view")
    first = timezone.now()

    for seconds in (0, 59, 61):
        api_keys.verify(secret=secret, now=first + timedelta(seconds=seconds))
        seen = ApiKey.across_businesses.get(business=cast.business).last_used_at
        assert seen == first + timedelta(seconds=61 if seconds == 61 else 0)


def test_a_key_outlives_a_new_encryption_key(cast: Cast, settings: object) -> None:
    secret = issue_key(cast.business, "users.view")

    keys = ["a new key", *settings.FIELD_ENCRYPTION_KEYS]  # type: ignore[attr-defined]  # fixture
    settings.FIELD_ENCRYPTION_KEYS = keys  # type: ignore[attr-defined]  # fixture

    assert api_keys.verify(secret=secret, now=timezone.now())


def test_a_repeated_post_issues_one_key_and_its_answer_is_sealed(cast: Cast) -> None:
    client = client_of(cast.alice)
    wanted = {"name": "Once", "permissions": ["users.view"]}

    first = client.post(KEYS, wanted, HTTP_IDEMPOTENCY_KEY="one")
    again = client.post(KEYS, wanted, HTTP_IDEMPOTENCY_KEY="one")
    other = client.post(KEYS, {**wanted, "name": "Two"}, HTTP_IDEMPOTENCY_KEY="one")

    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert other.status_code == 409
    assert ApiKey.across_businesses.filter(business=cast.business).count() == 1
    stored = bytes(IdempotencyRecord.objects.get().body or b"")
    assert first.json()["key"].encode() not in stored


def test_the_auditor_sees_keys_and_makes_none(cast: Cast) -> None:
    client = client_of(cast.add(Role.AUDITOR))

    assert client.get(KEYS).status_code == 200
    assert client.post(KEYS, {"name": "X", "permissions": ["users.view"]}).status_code == 403


def test_issuing_is_announced_without_the_secret(cast: Cast) -> None:
    heard: list[ApiKeyIssued] = []

    def hear(fact: ApiKeyIssued, **_: object) -> None:
        heard.append(fact)

    api_key_issued.connect(hear)
    with tenancy.scope(cast.business):
        issued = api_keys.issue(
            name="Shop",
            permissions={"users.view"},
            by=full_access(cast.business, cast.alice),
            now=timezone.now(),
        )
    api_key_issued.disconnect(hear)

    assert [fact.permissions for fact in heard] == [("users.view",)]
    assert issued.secret not in repr(heard)


def test_a_key_survives_the_end_of_the_field_keys_it_was_made_under(
    cast: Cast, settings: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["the old key"]
    secret = issue_key(cast.business, "users.view")
    settings.FIELD_ENCRYPTION_KEYS = ["the new key"]

    assert client_of_key(secret).get(USERS).status_code == 200


def test_a_key_hashed_under_a_field_key_gets_the_plain_hash_when_used(
    cast: Cast, settings: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["the old key"]
    secret = issue_key(cast.business, "users.view")
    ApiKey.across_businesses.update(digest=crypto.keyed_hash(secret))

    used = client_of_key(secret).get(USERS).status_code
    settings.FIELD_ENCRYPTION_KEYS = ["the new key"]

    assert (used, client_of_key(secret).get(USERS).status_code) == (200, 200)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("203.0.113.7", 200),
        ("203.0.113.255", 200),
        ("::ffff:203.0.113.9", 200),
        ("2001:db8::1", 200),
        ("203.0.114.1", 403),
        ("2001:db9::1", 403),
    ],
)
def test_a_key_bound_to_networks_is_refused_elsewhere(
    cast: Cast, address: str, status: int
) -> None:
    secret = issue_key(cast.business, "users.view", networks=["203.0.113.9/24", "2001:db8::/64"])

    answer = client_of_key(secret).get(USERS, REMOTE_ADDR=address)

    assert answer.status_code == status
    if status == 403:
        (error,) = answer.json()["errors"]
        assert error["code"] == "address_not_allowed"
        assert address in error["detail"]


def test_networks_are_shown_as_they_are_kept_and_survive_a_rotation(cast: Cast) -> None:
    client = client_of(cast.alice)
    wanted = {"name": "Shop", "permissions": ["users.view"], "networks": ["203.0.113.7", "10.1/8"]}

    refused = client.post(KEYS, wanted)
    wanted["networks"] = ["203.0.113.7", "10.9.9.9/8"]
    issued = client.post(KEYS, wanted).json()
    rotated = client.post(f"{KEYS}/{issued['id']}/rotate").json()

    (error,) = refused.json()["errors"]
    assert (error["code"], error["attr"]) == ("invalid_network", "networks")
    assert issued["networks"] == rotated["networks"] == ["203.0.113.7/32", "10.0.0.0/8"]


def test_a_key_holds_no_more_than_its_maker_still_does(cast: Cast) -> None:
    mara = cast.add(Role.OWNER)
    made = client_of(mara).post(KEYS, {"name": "Shop", "permissions": ["audit.view", "users.view"]})
    client = client_of_key(made.json()["key"])

    client_of(cast.alice).patch(f"/api/users/{mara.pk}", {"role": "agent"})

    assert client.get(USERS).status_code == 200
    answer = client.post("/api/permissions/check", {"permission": "audit.view"}).json()
    assert answer == {"allowed": False, "because": "not held: the maker of this API key lost it"}


def test_keys_end_with_the_membership_of_their_maker(cast: Cast) -> None:
    mara = cast.add(Role.OWNER)
    made = client_of(mara).post(KEYS, {"name": "Shop", "permissions": ["users.view"]}).json()

    client_of(cast.alice).delete(f"/api/users/{mara.pk}")

    refused = client_of_key(made["key"]).get(USERS)
    assert refused.status_code == 401
    assert refused.json()["errors"][0]["code"] == "api_key_revoked"
    shown = client_of(cast.alice).get(f"{KEYS}/{made['id']}").json()
    assert shown["revoked_at"] is not None


def test_a_key_is_refused_while_its_makers_account_is_closed(cast: Cast) -> None:
    mara = cast.add(Role.OWNER)
    made = client_of(mara).post(KEYS, {"name": "Shop", "permissions": ["users.view"]}).json()
    User.objects.filter(pk=mara.pk).update(is_active=False)

    refused = client_of_key(made["key"]).get(USERS)

    assert refused.json()["errors"][0]["code"] == "api_key_orphaned"


def test_a_key_made_by_a_key_answers_to_the_same_person(cast: Cast) -> None:
    first = client_of(cast.alice).post(
        KEYS, {"name": "First", "permissions": ["api_keys.manage", "users.view"]}
    )
    second = client_of_key(first.json()["key"]).post(
        KEYS, {"name": "Second", "permissions": ["users.view"]}
    )

    assert second.json()["created_by"] == cast.alice.pk


def test_looking_a_key_up_asks_the_same_of_the_database_for_any_secret(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    issue_key(cast.business, "users.view")

    for secret in ("sb_00000000_x", "sb_" + "y" * 200):
        with django_assert_num_queries(1), pytest.raises(api_keys.KeyRefused):
            api_keys.verify(secret=secret, now=timezone.now())


def test_an_ipv4_network_written_as_ipv6_is_the_same_network(cast: Cast) -> None:
    secret = issue_key(cast.business, "users.view", networks=["::ffff:203.0.113.9/120"])
    client = client_of_key(secret)

    assert client.get(USERS, REMOTE_ADDR="203.0.113.77").status_code == 200
    assert client.get(USERS, REMOTE_ADDR="203.0.114.77").status_code == 403
