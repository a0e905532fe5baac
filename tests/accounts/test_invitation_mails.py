"""An invitation is mailed by one worker, whatever the others do and whoever is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone

from accounts import invitations
from accounts.models import Invitation
from tests.factories.cast import Cast, client_of, make_cast

pytestmark = pytest.mark.django_db(transaction=True)

DORA = {"email": "dora@example.com", "role": "agent"}
AWAY = "redis://127.0.0.1:1/0"
Counts = dict[str, int]


class Meanwhile(EmailBackend):
    """A mail server that lets something happen before it takes its first mail."""

    begins: ClassVar[list[Callable[[], Any]]] = []
    came: ClassVar[list[Any]] = []

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        """Take the mails."""
        if self.begins:
            with ThreadPoolExecutor(1) as threads:
                self.came.append(threads.submit(_apart, self.begins.pop()).result())
        return int(super().send_messages(messages))


def _apart(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connection.close()


@pytest.fixture
def meanwhile(settings: Any) -> Iterator[Callable[[Callable[[], Any]], list[Any]]]:
    """Return what has something done on another connection while a mail goes out."""
    settings.EMAIL_BACKEND = f"{__name__}.{Meanwhile.__name__}"

    def plan(work: Callable[[], Any]) -> list[Any]:
        Meanwhile.begins.append(work)
        return Meanwhile.came

    yield plan
    Meanwhile.begins.clear()
    Meanwhile.came.clear()


def invited() -> tuple[Cast, Invitation]:
    cast = make_cast()
    assert client_of(cast.alice).post("/api/invitations", DORA).status_code == 201
    return cast, Invitation.across_businesses.get()


def mail() -> Counts:
    return invitations.mail_due(now=timezone.now())


def claim(row: Invitation, *, ends_in: timedelta) -> None:
    until = timezone.now() + ends_in
    Invitation.across_businesses.filter(pk=row.pk).update(mail_claimed_until=until)


@pytest.mark.parametrize("is_redis_away", [False, True])
def test_a_mail_on_its_way_is_left_to_who_sends_it(
    meanwhile: Any, mailoutbox: list[Any], settings: Any, is_redis_away: bool
) -> None:
    invited()
    if is_redis_away:
        settings.REDIS_URL = AWAY
    others = meanwhile(mail)

    counts = mail()

    assert (counts, others) == ({"sent": 1, "failed": 0}, [{"sent": 0, "failed": 0}])
    assert len(mailoutbox) == 1


def test_one_that_is_sent_anew_while_it_is_mailed_goes_out_again(
    meanwhile: Any, mailoutbox: list[Any]
) -> None:
    cast, row = invited()
    resend = f"/api/invitations/{row.pk}/resend"
    answers = meanwhile(lambda: client_of(cast.alice).post(resend).status_code)

    counts = [mail() for _ in range(3)]

    row.refresh_from_db()
    assert answers == [200]
    assert [one["sent"] for one in counts] == [1, 1, 0]
    assert invitations.link_of(row) in mailoutbox[1].body
    assert invitations.link_of(row) not in mailoutbox[0].body


def test_what_a_killed_worker_had_in_hand_is_mailed_when_its_time_is_over(
    mailoutbox: list[Any],
) -> None:
    _, row = invited()
    claim(row, ends_in=timedelta(minutes=1))
    held = mail()
    claim(row, ends_in=-timedelta(seconds=1))

    free = mail()

    row.refresh_from_db()
    assert (held["sent"], free["sent"], len(mailoutbox)) == (0, 1, 1)
    assert row.mail_claimed_until is None


def test_a_mail_is_in_hand_longer_than_the_server_may_take_for_every_step(settings: Any) -> None:
    # Greeting, TLS, sign-in, addresses, text and farewell, each waited for by itself.
    assert timedelta(seconds=settings.EMAIL_TIMEOUT) * 20 < invitations.MAIL_CLAIM
