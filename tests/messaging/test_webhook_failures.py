"""What one event does to the others: it may fail, or wait, without holding them up."""

from __future__ import annotations

import pytest
from django.utils import timezone

from messaging.webhooks import apply
from messaging.webhooks.models import DeadLetter, PendingEvent
from tests.messaging.webhook_events import keep


@pytest.mark.django_db
def test_an_event_that_cannot_even_be_read_holds_nobody_up() -> None:
    deep = "[" * 900 + "]" * 900
    keep(b'{"object": "\\u0000", "entry": %s}' % deep.encode(), b"{}")

    done = apply.apply_due(now=timezone.now())

    assert done["events"] == 2
    assert PendingEvent.objects.count() == 1
    assert not DeadLetter.objects.exists()
