"""An opt-out waits for what is already on its way.

Whoever writes an opt-out holds the person's consent locks; from then on no worker can mark a
message to that person as leaving. What was marked before is let land first, so that after the
opt-out's commit Meta accepts nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

logger = structlog.get_logger(__name__)

# Beyond the longest a request may take; most end within one.
GRACE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.02

# The instant is asked for apart, so that leases are found by their index.
_IN_FLIGHT: Final = """
SELECT count(*) FROM messaging_queueitem q
WHERE q.is_in_flight AND q.lease_until > (SELECT clock_timestamp())
  AND q.sender_id IN (SELECT id FROM messaging_sender WHERE business_id = %(business)s)
  AND q.contact_id IN (
    SELECT id FROM messaging_contact
    WHERE business_id = %(business)s
      AND (phone_key = ANY(%(addresses)s) OR bsuid = ANY(%(addresses)s)))
"""


def let_land(business_id: UUID, addresses: Sequence[str]) -> None:
    """Wait until no message to these addresses is under way, at most the longest request.

    Call inside the transaction that holds the consent locks of the addresses.
    """
    deadline = time.monotonic() + settings.META_TIMEOUT_SECONDS + GRACE_SECONDS
    while _in_flight(business_id, addresses):
        if time.monotonic() > deadline:
            logger.warning("opt_out_did_not_wait_longer", business_id=str(business_id))
            return
        time.sleep(_PAUSE_SECONDS)


def _in_flight(business_id: UUID, addresses: Sequence[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_IN_FLIGHT, {"business": business_id, "addresses": list(addresses)})
        found: int = cursor.fetchone()[0]
    return found
