"""Of all workers one holds a lock; Redis down lets periodic work run."""

import redis
from pytest_django.fixtures import Settings

from config.lib import redis as redis_lib
from config.lib.locks import prolong, single_flight
from config.lib.redis import key


def test_only_one_holds_a_lock_and_it_is_given_back() -> None:
    with single_flight("sweep", ttl_seconds=60) as first:
        with single_flight("sweep", ttl_seconds=60) as second:
            assert (first, second) == (True, False)
        with single_flight("sweep", ttl_seconds=60) as third:
            assert third is False

    with single_flight("sweep", ttl_seconds=60) as later:
        assert later is True


def test_a_lock_that_ran_out_is_not_taken_from_the_next_holder(redis_server: "redis.Redis") -> None:
    with single_flight("sweep", ttl_seconds=60):
        redis_server.set(key("lock", "sweep"), "someone else")

    assert redis_server.get(key("lock", "sweep")) == b"someone else"


def test_a_lock_ends_by_itself(redis_server: "redis.Redis") -> None:
    with single_flight("sweep", ttl_seconds=60):
        assert 0 < redis_server.ttl(key("lock", "sweep")) <= 60


def test_a_lock_is_prolonged_by_its_holder_only(redis_server: "redis.Redis") -> None:
    with single_flight("upload", ttl_seconds=10, owner="first"):
        assert prolong("upload", owner="first", ttl_seconds=60)
        assert redis_server.ttl(key("lock", "upload")) > 10
        redis_server.set(key("lock", "upload"), "second", ex=10)
        assert not prolong("upload", owner="first", ttl_seconds=60)

    assert redis_server.get(key("lock", "upload")) == b"second"
    assert redis_server.ttl(key("lock", "upload")) <= 10


def test_a_lock_that_ran_out_and_nobody_took_is_its_holders_again() -> None:
    with single_flight("upload", ttl_seconds=10, owner="first"):
        redis_lib.client().delete(key("lock", "upload"))
        assert prolong("upload", owner="first", ttl_seconds=60)
        with single_flight("upload", ttl_seconds=10) as second:
            assert second is False


def test_redis_down_lets_the_work_run(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert prolong("sweep", owner="anyone", ttl_seconds=60)

    with single_flight("sweep", ttl_seconds=60) as held:
        assert held is True
