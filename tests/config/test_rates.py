"""The token bucket never lets more through than its rate, whatever happens to Redis."""

import time

import pytest
import redis
from pytest_django.fixtures import Settings

from config.lib import rates
from config.lib.redis import key


def test_a_new_bucket_is_empty() -> None:
    grant = rates.take(bucket="t", rate_per_second=10, burst=5, wanted=3)

    assert grant.granted == 0
    assert 0 < grant.wait_seconds <= 0.1


def test_a_bucket_fills_at_its_rate_up_to_its_burst(redis_server: "redis.Redis") -> None:
    rates.take(bucket="t", rate_per_second=1, burst=5, wanted=1)
    _turn_back(redis_server, "t", seconds=3.5)
    assert rates.take(bucket="t", rate_per_second=1, burst=5, wanted=10).granted == 3

    _turn_back(redis_server, "t", seconds=1000)
    grant = rates.take(bucket="t", rate_per_second=1, burst=5, wanted=10)
    assert grant.granted == 5
    assert 0 < grant.wait_seconds <= 1


def test_a_lost_bucket_starts_empty_again(redis_server: "redis.Redis") -> None:
    rates.take(bucket="t", rate_per_second=1, burst=5, wanted=1)
    _turn_back(redis_server, "t", seconds=5)
    redis_server.delete(key("rate", "t"))

    assert rates.take(bucket="t", rate_per_second=1, burst=5, wanted=5).granted == 0


def test_tokens_not_wanted_stay(redis_server: "redis.Redis") -> None:
    rates.take(bucket="t", rate_per_second=1, burst=5, wanted=0)
    _turn_back(redis_server, "t", seconds=4.2)

    assert rates.take(bucket="t", rate_per_second=1, burst=5, wanted=1).granted == 1
    assert rates.take(bucket="t", rate_per_second=1, burst=5, wanted=9).granted == 3


def test_buckets_of_different_names_do_not_meet(redis_server: "redis.Redis") -> None:
    rates.take(bucket="a", rate_per_second=1, burst=5, wanted=0)
    _turn_back(redis_server, "a", seconds=5)

    assert rates.take(bucket="b", rate_per_second=1, burst=5, wanted=5).granted == 0
    assert rates.take(bucket="a", rate_per_second=1, burst=5, wanted=5).granted == 5


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        rates.take(bucket="t", rate_per_second=0, burst=1, wanted=1)


def test_redis_down_is_the_callers_decision(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(redis.RedisError):
        rates.take(bucket="t", rate_per_second=1, burst=1, wanted=1)


def _turn_back(server: "redis.Redis", bucket: str, *, seconds: float) -> None:
    """Let time pass for a bucket."""
    at = time.time() - seconds
    server.hset(key("rate", bucket), "at", f"{at * 1_000_000:.0f}")
