"""The demo ends the same each time: every message where the documented rule says."""

from __future__ import annotations

from collections import Counter

from config.dev import demo
from config.dev.processes import Stack
from tests.journeys.stack import accepted_by, sandbox, wait_until_quiet

FINAL = ("sent", "delivered", "read", "failed", "unknown", "skipped")


def test_every_message_of_the_demo_ends_where_the_rule_says_each_time(stack: Stack) -> None:
    first = played(stack)
    sandbox(stack, "POST", "/_sandbox/reset")
    stack.manage("demo_business", "--afresh")
    second = played(stack)

    assert (first.counts, first.reasons) == (second.counts, second.reasons)
    assert (first.skipped, first.total) == (second.skipped, second.total)


def played(stack: Stack) -> demo.Result:
    """Play the demo, hold its end against the rule, and let it come to rest."""
    result = demo.play(web=stack.web_url, sandbox=stack.sandbox_url)
    wait_until_quiet(stack)

    assert result.wrong == []
    assert sum(result.counts[status] for status in FINAL) == result.total
    assert set(result.counts) <= set(FINAL)
    offers = [row for row in accepted_by(stack) if row["type"] == "template"]
    times = Counter(row["biz_opaque_callback_data"] for row in offers)
    assert set(times.values()) == {1}
    assert len(times) == result.total - result.counts["skipped"]
    return result
