"""How long a number of messages takes, by the limits of the sender and its portfolio."""

from __future__ import annotations

import math

from messaging.senders.models import Sender
from messaging.sending import throttle

_HOUR = 3600
_DAY = 86400


def duration_seconds(sender: Sender, messages: int) -> int:
    """Return the seconds from the first message to the last, at full rate.

    Meta's limit of people a day belongs to the portfolio; other campaigns and replies share it.
    """
    if messages <= 0:
        return 0
    limits = [
        (sender.per_hour, _HOUR),
        (sender.per_day, _DAY),
        (throttle.portfolio_limit(sender.account), _DAY),
    ]
    waits = [(messages - 1) // limit * period for limit, period in limits if limit]
    return max(math.ceil(messages / sender.rate_per_second), *waits, 0)
