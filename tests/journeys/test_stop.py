"""Nothing is accepted for a person after the commit of their STOP, however it comes in.

The instant of a commit is PostgreSQL's own (`track_commit_timestamp`); it and the sandbox's clock
are one machine's.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from config.dev.processes import Stack
from tests.journeys.stack import accepted_by, play, sandbox, wait_for, wait_until_quiet

PEOPLE = 600
PER_SECOND = 60
STOPPING = 60
SLOWLY = {"latency_ms": 300, "jitter_ms": 300}
AT_ONCE = timedelta(seconds=5)

Json = dict[str, Any]


def test_nothing_is_accepted_after_the_commit_of_a_stop(stack: Stack) -> None:
    sandbox(stack, "POST", "/_sandbox/faults", SLOWLY)
    scene = play(stack, "open", "--people", str(PEOPLE), "--per-second", str(PER_SECOND))

    written_at = write_stop(stack, scene["people"], random.Random(4))
    end = wait_for(lambda: finished(stack, scene), what="the campaign's end")
    wait_for(lambda: set(written_at) <= set(accepted_of(stack)[1]), what="confirmations")
    wait_until_quiet(stack)

    stopped_at = commits_of(stack, scene)
    offers, answers = accepted_of(stack)
    for phone, at in written_at.items():
        assert [moment for moment in offers[phone] if moment > stopped_at[phone]] == []
        assert stopped_at[phone] - at < AT_ONCE
        assert len(answers[phone]) == 1
    statuses = {address: (status, reason) for _, address, status, _, reason in end["messages"]}
    assert len(statuses) == PEOPLE
    outcomes = Counter("accepted" if offers[phone] else statuses[phone] for phone in written_at)
    assert set(outcomes) == {"accepted", ("skipped", "opted_out")}, outcomes
    assert max(map(len, offers.values())) == 1
    left_alone = {phone for phone, (status, _) in statuses.items() if status == "skipped"}
    assert left_alone <= set(stopped_at)


def write_stop(stack: Stack, people: list[Json], rng: random.Random) -> dict[str, datetime]:
    """Let people say stop whose message waits, is under way or came; return when each did.

    Every other one is known to Meta by user id alone.
    """
    wait_for(lambda: accepted_count(stack) > 0, what="the first message")
    waiting = set(range(PEOPLE))
    written_at = {}
    for number in range(STOPPING):
        time.sleep(rng.uniform(0.02, 0.2))
        around = accepted_count(stack) + rng.randint(-30, 150)
        chosen = min(waiting, key=lambda index: abs(index - around))
        waiting.remove(chosen)
        person = people[chosen]
        named = {"from_user_id": person["user_id"]} if number % 2 else {"from": person["phone"]}
        written_at[person["phone"]] = datetime.now().astimezone()
        sandbox(stack, "POST", "/_sandbox/inbound", named | {"text": "STOP"})
    return written_at


def accepted_count(stack: Stack) -> int:
    """Return how many messages the sandbox accepted."""
    count: int = sandbox(stack, "GET", "/_sandbox/messages?count=1")["count"]
    return count


def finished(stack: Stack, scene: Json) -> Json | None:
    """Return the campaign's state once it is over."""
    state = play(stack, "state", scene["campaign"])
    return state if state["status"] == "completed" and not state["queued"] else None


def commits_of(stack: Stack, scene: Json) -> dict[str, datetime]:
    """Return when the first opt-out of each person was committed."""
    commits = play(stack, "optouts", scene["business"])
    phone_of = {person["user_id"]: person["phone"] for person in scene["people"]}
    first: dict[str, datetime] = {}
    for address, text in commits["commits"]:
        phone, at = phone_of.get(address, address), datetime.fromisoformat(text)
        first[phone] = min(at, first.get(phone, at))
    return first


def accepted_of(stack: Stack) -> tuple[dict[str, list[datetime]], dict[str, list[datetime]]]:
    """Return when templates and when texts were accepted, by person."""
    offers: dict[str, list[datetime]] = defaultdict(list)
    answers: dict[str, list[datetime]] = defaultdict(list)
    for row in accepted_by(stack):
        found = offers if row["type"] == "template" else answers
        found[f"+{row['wa_id']}"].append(datetime.fromisoformat(row["accepted_at"]))
    return offers, answers
