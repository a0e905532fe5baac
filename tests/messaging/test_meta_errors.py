"""Every code of Meta's, and what the pump makes of it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import graph
from messaging.meta import errors
from messaging.meta.errors import ErrorClass as E

EXPECTED = {
    0: E.FIX_CREDENTIALS,
    1: E.RETRY,
    2: E.RETRY,
    3: E.FIX_CREDENTIALS,
    4: E.SLOW_APP,
    10: E.FIX_CREDENTIALS,
    33: E.PAUSE_SENDER,
    100: E.FIX_REQUEST,
    102: E.FIX_CREDENTIALS,
    104: E.FIX_CREDENTIALS,
    190: E.FIX_CREDENTIALS,
    200: E.FIX_CREDENTIALS,
    299: E.FIX_CREDENTIALS,
    368: E.PAUSE_SENDER,
    613: E.SLOW_APP,
    80007: E.SLOW_ACCOUNT,
    80008: E.SLOW_ACCOUNT,
    130403: E.STOP_RECIPIENT,
    130429: E.SLOW_SENDER,
    130472: E.STOP,
    130497: E.STOP,
    131000: E.RETRY,
    131005: E.FIX_CREDENTIALS,
    131008: E.FIX_REQUEST,
    131009: E.FIX_REQUEST,
    131014: E.FIX_REQUEST,
    131016: E.RETRY,
    131020: E.STOP,
    131021: E.STOP,
    131026: E.STOP_RECIPIENT,
    131030: E.STOP,
    131031: E.PAUSE_SENDER,
    131035: E.STOP,
    131036: E.STOP,
    131037: E.PAUSE_SENDER,
    131041: E.STOP,
    131042: E.PAUSE_SENDER,
    131044: E.PAUSE_SENDER,
    131045: E.PAUSE_SENDER,
    131047: E.STOP,
    131048: E.PAUSE_SENDER,
    131049: E.STOP_RECIPIENT,
    131050: E.STOP_RECIPIENT,
    131051: E.FIX_REQUEST,
    131052: E.STOP,
    131053: E.FIX_REQUEST,
    131055: E.FIX_REQUEST,
    131056: E.SLOW_PAIR,
    131057: E.RETRY,
    131059: E.STOP,
    131060: E.STOP,
    131062: E.STOP,
    131063: E.PAUSE_TEMPLATE,
    131064: E.PAUSE_SENDER,
    131201: E.STOP,
    131215: E.STOP,
    132000: E.FIX_REQUEST,
    132001: E.PAUSE_TEMPLATE,
    132005: E.FIX_REQUEST,
    132007: E.PAUSE_TEMPLATE,
    132008: E.FIX_REQUEST,
    132012: E.FIX_REQUEST,
    132015: E.PAUSE_TEMPLATE,
    132016: E.PAUSE_TEMPLATE,
    132018: E.FIX_REQUEST,
    132068: E.PAUSE_TEMPLATE,
    132069: E.RETRY,
    133000: E.RETRY,
    133004: E.RETRY,
    133005: E.STOP,
    133006: E.STOP,
    133008: E.STOP,
    133009: E.STOP,
    133010: E.PAUSE_SENDER,
    133015: E.RETRY,
    133016: E.STOP,
    134011: E.STOP,
    134100: E.FIX_REQUEST,
    134101: E.RETRY,
    134102: E.STOP,
    135000: E.FIX_REQUEST,
    137000: E.STOP,
    138000: E.STOP,
    138018: E.STOP,
    139000: E.STOP,
    139004: E.STOP,
    139100: E.STOP,
    139101: E.STOP,
    139102: E.STOP,
    139103: E.RETRY,
    147000: E.STOP,
    1752041: E.STOP,
    2388001: E.FIX_REQUEST,
    2388019: E.FIX_REQUEST,
    2388024: E.FIX_REQUEST,
    2388299: E.FIX_REQUEST,
    2494100: E.RETRY,
    2593107: E.STOP,
    200005: E.STOP,
}


def refusal(
    code: int | None, *, status: int = 400, subcode: int | None = None, transient: bool = False
) -> graph.GraphError:
    body = graph.ErrorBody(
        code=code, subcode=subcode, details="Why.", fbtrace_id="Tr", is_transient=transient
    )
    return graph.GraphError(status, body, retry_after=9.0)


@pytest.mark.parametrize(("code", "klass"), EXPECTED.items())
def test_every_documented_code_has_its_class(code: int, klass: E) -> None:
    assert errors.describe(code).klass is klass


@pytest.mark.parametrize("code", errors.CODES)
def test_every_row_tells_an_operator_what_to_do(code: int) -> None:
    info = errors.describe(code)

    assert info.code == code
    assert info.title
    assert not info.title.endswith(".")
    assert info.advice.endswith(".")
    assert info.source
    assert not info.automatic or info.retryable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (130429, errors.Throttled),
        (131056, errors.Throttled),
        (80007, errors.Throttled),
        (4, errors.Throttled),
        (131000, errors.Transient),
        (190, errors.TokenInvalid),
        (131047, errors.Rejected),
        (131026, errors.Rejected),
        (132015, errors.Rejected),
        (368, errors.Rejected),
        (100, errors.Rejected),
    ],
)
def test_a_refusal_becomes_its_named_error(code: int, kind: type[errors.SendError]) -> None:
    error = errors.classify(refusal(code))

    assert type(error) is kind
    assert (error.meta_code, error.trace_id, error.detail) == (code, "Tr", "Why.")
    assert error.retry_after == 9.0
    assert error.retryable is (kind in (errors.Throttled, errors.Transient))


@pytest.mark.parametrize(
    ("code", "lane"), [(131056, "pair"), (130429, "sender"), (80007, "account"), (4, "app")]
)
def test_a_throttled_error_names_the_lane_to_slow(code: int, lane: str) -> None:
    error = errors.classify(refusal(code))

    assert isinstance(error, errors.Throttled)
    assert error.lane == lane


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (131047, "outside_service_window"),
        (131050, "opted_out"),
        (130403, "blocked"),
        (132015, "template_paused"),
        (131026, "undeliverable"),
    ],
)
def test_a_rejection_has_a_stable_reason(code: int, reason: str) -> None:
    error = errors.classify(refusal(code))

    assert isinstance(error, errors.Rejected)
    assert error.reason == reason


def test_nothing_left_is_retryable_and_unknown_is_not() -> None:
    unreachable = errors.classify(graph.Unreachable("refused"))
    unknown = errors.classify(graph.OutcomeUnknown("timeout"))

    assert (type(unreachable), unreachable.retryable) == (errors.Unreachable, True)
    assert (type(unknown), unknown.retryable) == (errors.OutcomeUnknown, False)
    assert unknown.info.retryable is False


@pytest.mark.parametrize(
    ("failure", "klass"),
    [
        (refusal(987654), E.STOP),
        (refusal(987654, status=429), E.SLOW_SENDER),
        (refusal(987654, status=500), E.RETRY),
        (refusal(987654, transient=True), E.RETRY),
        (refusal(None, status=429), E.SLOW_SENDER),
        (refusal(None, status=403), E.RETRY),
        (refusal(131047, status=429), E.STOP),
        (refusal(131047, status=500), E.STOP),
    ],
)
def test_the_status_counts_only_where_the_code_says_nothing(
    failure: graph.GraphError, klass: E
) -> None:
    assert errors.classify(failure).klass is klass


def test_an_unknown_code_keeps_its_number() -> None:
    assert errors.classify(refusal(987654, status=500)).meta_code == 987654
    assert "987654" in errors.describe(987654).title


def test_a_subcode_says_more_than_code_100() -> None:
    assert errors.describe(100, subcode=33).klass is E.PAUSE_SENDER
    assert errors.describe(100, subcode=2388024).code == 2388024
    assert errors.describe(100, subcode=2388555).klass is E.FIX_REQUEST
    assert errors.describe(131047, subcode=2494055).code == 131047


def test_an_account_wide_pause_is_marked() -> None:
    assert errors.describe(131042).whole_account
    assert not errors.describe(131048).whole_account


@pytest.mark.parametrize("attempt", [0, 1, 2, 3])
def test_the_pair_limit_waits_at_least_four_to_the_n_seconds(attempt: int) -> None:
    waits = [errors.backoff(E.SLOW_PAIR, attempt, random.Random(seed)) for seed in range(50)]

    assert min(waits) >= 4.0**attempt
    assert max(waits) <= 4.0**attempt * 1.25


def test_retries_spread_over_the_whole_interval() -> None:
    rng = random.Random(7)

    waits = [errors.backoff(E.RETRY, 4, rng) for _ in range(500)]

    assert min(waits) < 4
    assert 28 < max(waits) <= 32


@given(
    klass=st.sampled_from(list(E)),
    attempt=st.integers(min_value=-5, max_value=10_000),
    seed=st.integers(),
)
def test_a_wait_is_never_negative_nor_endless(klass: E, attempt: int, seed: int) -> None:
    wait = errors.backoff(klass, attempt, random.Random(seed))

    assert 0 <= wait <= 6000


def test_a_wait_respects_what_meta_asked_for() -> None:
    rng = random.Random(1)

    assert errors.delay(errors.classify(refusal(130429)), 0, rng) >= 9.0
    assert errors.delay(errors.classify(refusal(131057)), 0, rng) >= 60.0


def test_some_codes_get_fewer_tries() -> None:
    assert errors.max_attempts(errors.describe(1)) == 3
    assert errors.max_attempts(errors.describe(131016)) == errors.MAX_ATTEMPTS
