"""How many messages may leave now: the limits of sender, person and portfolio, in one script.

Redis keeps the counts; every worker asks the same script, so the limits hold across any number of
workers. Redis may lose everything at any time: a sender it knows nothing about is rebuilt from
PostgreSQL first, its bucket empty, its hour and day from `SenderUsage`, the portfolio's people
from `PortfolioRecipient`. Persons have no copy there; for the time a person's burst takes to
refill, one Redis has not heard of starts with what they would have had if the burst had been
spent when Redis was lost. Losing Redis delays; it never lets a limit be exceeded.

Meta's limits (read 2026-09-11): 80 or 1,000 a second and number; one per 6 seconds and pair with a
burst of 45; people outside a service window in 24 hours per portfolio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, Sum

from accounts.models import WhatsAppAccount
from config.lib import redis
from messaging.senders.models import Sender
from messaging.sending.models import PortfolioRecipient, QueueItem, SenderUsage

PAIR_SECONDS: Final = 6.0
PAIR_BURST: Final = 45
UNIQUE_WINDOW: Final = timedelta(hours=24)
PORTFOLIO_RETRY: Final = timedelta(minutes=10)
_REBUILD_SECONDS: Final = 30
_CAUTION: Final = timedelta(seconds=PAIR_SECONDS * PAIR_BURST)

GO: Final = 0
SENDER: Final = -1
PORTFOLIO: Final = -2
HOUR: Final = -3
DAY: Final = -4


@dataclass(frozen=True, slots=True)
class Wish:
    """One message that wants to leave. `needs_unique`: it is outside a service window."""

    contact_id: UUID
    needs_unique: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """For each wish, in order: `GO`, milliseconds its person must wait, or the limit in the way.

    `wait_seconds` is when the sender's next message may leave, `tokens` how many may at once.
    """

    verdicts: Sequence[int]
    wait_seconds: float
    tokens: int


# KEYS: sender hash, portfolio set. ARGV: rate, burst, per hour, per day, portfolio limit (0: none),
# pair prefix, then contact id and 1/0 for each wish.
_TEMPLATE: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local state = redis.call('HGETALL', KEYS[1])
local have = {}
for i = 1, #state, 2 do have[state[i]] = state[i + 1] end
if not have.ready then return {'rebuild'} end
if tonumber(ARGV[5]) > 0 and redis.call('EXISTS', KEYS[2]) == 0 then return {'rebuild'} end

local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local hourly, daily, unique = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local tokens = math.min(burst, tonumber(have.tokens) + math.max(0, now - have.at) * rate)
local second = math.floor(now)
local in_second = (have.second == tostring(second)) and tonumber(have.in_second) or 0
local hour, day = math.floor(now / 3600), math.floor(now / 86400)
local in_hour = (have.hour == tostring(hour)) and tonumber(have.in_hour) or 0
local in_day = (have.day == tostring(day)) and tonumber(have.in_day) or 0
local cautious = tonumber(have.cautious_since or '0')
local people = 0
if unique > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], 1, now - 86400)
  people = redis.call('ZCARD', KEYS[2]) - 1
end

local verdicts = {}
local wait = 0
for i = 7, #ARGV, 2 do
  local verdict = 0
  local pair_key = ARGV[6] .. ARGV[i]
  local pair_tokens
  if tokens < 1 or in_second >= rate then verdict = -1
  elseif hourly > 0 and in_hour >= hourly then verdict = -3
  elseif daily > 0 and in_day >= daily then verdict = -4
  else
    local pair = redis.call('HMGET', pair_key, 't', 'a')
    if pair[1] then
      local refilled = math.max(0, now - pair[2]) / %(pair_seconds)s
      pair_tokens = math.min(%(pair_burst)s, pair[1] + refilled)
    elseif cautious > 0 then
      pair_tokens = math.min(%(pair_burst)s, (now - cautious) / %(pair_seconds)s)
    else
      pair_tokens = %(pair_burst)s
    end
    if pair_tokens < 1 then
      verdict = math.max(1, math.ceil((1 - pair_tokens) * %(pair_seconds)s * 1000))
    elseif unique > 0 and ARGV[i + 1] == '1' then
      if not redis.call('ZSCORE', KEYS[2], ARGV[i]) then
        if people >= unique then verdict = -2 else people = people + 1 end
      end
    end
  end
  if verdict == 0 then
    tokens, in_second, in_hour, in_day = tokens - 1, in_second + 1, in_hour + 1, in_day + 1
    redis.call('HSET', pair_key, 't', string.format('%%.6f', pair_tokens - 1),
               'a', string.format('%%.6f', now))
    redis.call('EXPIRE', pair_key, %(pair_expiry)s)
    if unique > 0 and ARGV[i + 1] == '1' then redis.call('ZADD', KEYS[2], now, ARGV[i]) end
  end
  verdicts[#verdicts + 1] = verdict
end
if tokens < 1 then wait = (1 - tokens) / rate end
if in_second >= rate then wait = math.max(wait, second + 1 - now) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%%.6f', tokens),
           'at', string.format('%%.6f', now), 'second', second, 'in_second', in_second,
           'hour', hour, 'in_hour', in_hour, 'day', day, 'in_day', in_day)
local left = math.max(0, math.floor(math.min(tokens, rate - in_second)))
return {math.ceil(wait * 1000), verdicts, left}
"""
_TAKE: Final = _TEMPLATE % {
    "pair_burst": PAIR_BURST,
    "pair_seconds": PAIR_SECONDS,
    "pair_expiry": int(_CAUTION.total_seconds()) + 60,
}


def take(sender: Sender, wishes: Sequence[Wish], *, now: datetime) -> Answer:
    """Ask for a place for each wish, in order. Raises redis.RedisError when Redis is down."""
    account = sender.account
    rate = sender.rate_per_second
    limit = portfolio_limit(account)
    arguments: list[Any] = [rate, burst(sender), sender.per_hour or 0, sender.per_day or 0]
    arguments += [limit or 0, redis.key("pair", sender.pk, "")]
    for wish in wishes:
        arguments += [str(wish.contact_id), int(wish.needs_unique)]
    keys = [_sender_key(sender), _portfolio_key(account)]
    for _ in range(2):
        answer: Any = redis.client().eval(_TAKE, len(keys), *keys, *arguments)
        if answer[0] != "rebuild":
            return Answer(verdicts=answer[1], wait_seconds=answer[0] / 1000, tokens=int(answer[2]))
        rebuild(sender, now=now, asking=[wish.contact_id for wish in wishes])
    return Answer(verdicts=[SENDER] * len(wishes), wait_seconds=1.0, tokens=0)


def burst(sender: Sender) -> int:
    """Return how many messages of a sender may leave at once."""
    return max(1, sender.rate_per_second // 10)


def due_at(verdict: int, *, wait_seconds: float, now: datetime) -> datetime:
    """Return when a message that may not leave now should ask again."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    match verdict:
        case v if v > 0:
            return now + timedelta(milliseconds=v)
        case v if v == HOUR:
            return hour + timedelta(hours=1)
        case v if v == DAY:
            return hour.replace(hour=0) + timedelta(days=1)
        case v if v == PORTFOLIO:
            return now + PORTFOLIO_RETRY
    return now + timedelta(seconds=wait_seconds)


def reset(sender: Sender) -> None:
    """Forget what Redis counted for a sender and rebuild at the next message."""
    redis.client().delete(_sender_key(sender))


def forget_people(senders: Sequence[Sender], contact_ids: Sequence[UUID]) -> int:
    """Forget what Redis counted for these people; return how many keys and places there were."""
    if not senders or not contact_ids:
        return 0
    pipe = redis.client().pipeline(transaction=False)
    for sender in senders:
        pipe.delete(*(redis.key("pair", sender.pk, contact_id) for contact_id in contact_ids))
        pipe.zrem(_portfolio_key(sender.account), *(str(one) for one in contact_ids))
    return sum(pipe.execute())


def portfolio_limit(account: WhatsAppAccount) -> int | None:
    """Return how many people the portfolio may write to in 24 hours; None when unlimited.

    Reads Meta's word for the level: TIER_250, TIER_2K, TIER_10K, TIER_100K, TIER_UNLIMITED.
    """
    level = account.messaging_limit.removeprefix("TIER_")
    if level == "UNLIMITED":
        return None
    number = level.removesuffix("K")
    if not number.isdecimal():
        return 250
    return int(number) * (1000 if level.endswith("K") else 1)


def portfolio_of(account: WhatsAppAccount) -> str:
    """Return the name under which the portfolio's people are counted."""
    return account.portfolio_id or f"waba:{account.waba_id}"


def rebuild(sender: Sender, *, now: datetime, asking: Sequence[UUID]) -> None:
    """Tell Redis what PostgreSQL knows about a sender; one worker at a time does it.

    What other workers hold just now counts as sent; the people in `asking` have no place yet.
    """
    client = redis.client()
    busy = redis.key("rebuild", sender.pk)
    if not client.set(busy, "1", nx=True, ex=_REBUILD_SECONDS):
        return
    try:
        leased = _leased(sender.account, asking)
        state = _usage(sender, now, len(leased))
        people = _people(sender.account, now)
        people |= {str(contact_id): now.timestamp() for contact_id in leased}
        pipe = client.pipeline(transaction=True)
        pipe.hset(_sender_key(sender), mapping=state)
        # The first member keeps an empty set alive; its score 0 is never swept.
        pipe.zadd(_portfolio_key(sender.account), {"": 0, **people})
        pipe.execute()
    finally:
        client.delete(busy)


def _usage(sender: Sender, now: datetime, leased: int) -> Any:
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = SenderUsage.objects.filter(sender=sender)
    today = rows.filter(hour__gte=hour.replace(hour=0)).aggregate(sent=Sum("sent"))["sent"] or 0
    this_hour = rows.filter(hour=hour).aggregate(sent=Sum("sent"))["sent"] or 0
    last = rows.aggregate(at=Max("last_sent_at"))["at"]
    was_busy = last is not None and last > now - _CAUTION
    return {
        "ready": 1,
        "tokens": 0,
        "at": f"{now.timestamp():.6f}",
        "hour": int(now.timestamp() // 3600),
        "in_hour": this_hour + leased,
        "day": int(now.timestamp() // 86400),
        "in_day": today + leased,
        "cautious_since": f"{now.timestamp():.6f}" if was_busy else 0,
    }


def _people(account: WhatsAppAccount, now: datetime) -> dict[str, float]:
    if portfolio_limit(account) is None:
        return {}
    rows = PortfolioRecipient.objects.filter(
        portfolio=portfolio_of(account), last_at__gt=now - UNIQUE_WINDOW
    )
    return {
        str(contact): at.timestamp() for contact, at in rows.values_list("contact_id", "last_at")
    }


def _leased(account: WhatsAppAccount, asking: Sequence[UUID]) -> list[UUID]:
    """Return who is being written to just now: their places are taken, but not recorded yet."""
    held = QueueItem.objects.filter(sender__account=account, lease_until__isnull=False)
    return list(held.exclude(contact_id__in=asking).values_list("contact_id", flat=True))


def _sender_key(sender: Sender) -> str:
    return redis.key("throttle", sender.pk)


def _portfolio_key(account: WhatsAppAccount) -> str:
    return redis.key("portfolio", portfolio_of(account))
