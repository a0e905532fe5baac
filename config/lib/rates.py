"""A token bucket in Redis, shared by all processes and timed by Redis's own clock."""

from dataclasses import dataclass
from typing import cast

from config.lib import redis

# KEYS[1] bucket; ARGV rate per second, burst, wanted. Returns granted, wait in microseconds.
# A missing bucket starts empty: losing Redis's memory may slow us down, never let a limit be
# exceeded. It expires only after it would be full again, plus the time it takes to refill.
_TAKE = """
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = 0
if state[1] then
  local passed = math.max(0, now - tonumber(state[2]))
  tokens = math.min(burst, tonumber(state[1]) + passed * rate / 1000000)
end
local granted = math.min(wanted, math.floor(tokens + 1e-9))
tokens = math.max(0, tokens - granted)
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 2000) + 3600000)
local wait = 0
if granted < wanted then wait = math.ceil((1 - tokens) / rate * 1000000) end
return {granted, wait}
"""


@dataclass(frozen=True)
class Grant:
    """How many of the wanted tokens were taken, and when to ask for the next one."""

    granted: int
    wait_seconds: float


def take(*, bucket: str, rate_per_second: float, burst: int, wanted: int) -> Grant:
    """Take up to `wanted` tokens; never more than `burst` at once or the rate over time.

    Raises redis.RedisError when Redis is down: the caller decides what that means.
    """
    if rate_per_second <= 0 or burst < 1 or wanted < 0:
        raise ValueError("a bucket needs a positive rate and burst")
    answer = redis.client().eval(
        _TAKE, 1, redis.key("rate", bucket), repr(float(rate_per_second)), burst, wanted
    )
    granted, wait_microseconds = cast(list[int], answer)
    return Grant(granted=granted, wait_seconds=wait_microseconds / 1_000_000)
