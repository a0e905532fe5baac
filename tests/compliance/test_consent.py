"""Consent: the ledger, the state it adds up to, the rule that gates a send."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import tenancy
from accounts.models import Business
from compliance import consent
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope
from config.lib.errors import InvalidInput
from tests.factories.accounts import BusinessFactory, UserFactory
from tests.factories.compliance import opt_in, opt_out

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHONE = "+34600111222"
BSUID = "ES.13491208655302741918"
IN, OUT = ConsentStatus.OPTED_IN, ConsentStatus.OPTED_OUT
MARKETING, SERVICE = Scope.MARKETING, Scope.SERVICE


def ago(**delta: float) -> datetime:
    return NOW - timedelta(**delta)


def tell(status: ConsentStatus, at: datetime, **more: Any) -> list[ConsentEvent]:
    facts: dict[str, Any] = {"addresses": [PHONE], "scopes": [MARKETING], "source": "api"}
    return consent.record(status=status, occurred_at=at, now=NOW, **(facts | more))


def refusal(scope: Scope = MARKETING, *addresses: str, **more: Any) -> str | None:
    decision = consent.check(addresses=addresses or (PHONE,), scope=scope, **more)
    return decision.code if isinstance(decision, consent.Refused) else None


def test_a_template_needs_consent_in_its_own_scope(business: Business) -> None:
    tell(IN, ago(days=1), scopes=[Scope.UTILITY])

    assert refusal(Scope.UTILITY) is None
    assert refusal(MARKETING) == "consent_missing"


def test_nobody_agreed_when_no_address_is_known(business: Business) -> None:
    assert consent.check(addresses=[], scope=MARKETING) == consent.Refused("consent_missing")
    assert consent.check(addresses=[], scope=SERVICE) == consent.Allowed()


def test_an_opt_out_at_one_address_covers_all(business: Business) -> None:
    tell(IN, ago(days=2), addresses=[PHONE, BSUID])
    tell(OUT, ago(days=1), addresses=[BSUID])

    assert refusal(MARKETING, PHONE, BSUID) == "opted_out"
    assert refusal(MARKETING, PHONE) is None


def test_an_opt_in_at_one_address_is_enough(business: Business) -> None:
    tell(IN, ago(days=1), addresses=[BSUID])

    assert refusal(MARKETING, PHONE, BSUID) is None


def test_a_late_older_event_is_kept_and_changes_nothing(business: Business) -> None:
    tell(OUT, ago(days=1))

    late = tell(IN, ago(days=2))

    assert len(late) == 1
    assert ConsentEvent.objects.count() == 2
    assert refusal() == "opted_out"


def test_an_opt_out_wins_a_tie(business: Business) -> None:
    tell(OUT, ago(days=1))
    tell(IN, ago(days=1))

    assert refusal() == "opted_out"


def test_the_same_fact_told_twice_is_written_once(business: Business) -> None:
    evidence = {"wamid": "wamid.1"}

    first = tell(OUT, ago(days=1), evidence=evidence)
    second = tell(OUT, ago(days=1), evidence=evidence)

    assert len(first) == 1
    assert second == []
    assert ConsentEvent.objects.count() == 1


def test_a_date_in_the_future_counts_as_now(business: Business) -> None:
    tell(IN, NOW + timedelta(days=900))

    tell(OUT, NOW + timedelta(seconds=1))

    assert refusal() == "opted_out"


def test_a_consent_from_a_clock_that_is_fast_outranks_no_opt_out_that_follows(
    business: Business,
) -> None:
    tell(IN, NOW + timedelta(minutes=9))

    consent.record(
        addresses=[PHONE],
        scopes=[MARKETING],
        status=OUT,
        source="admin",
        occurred_at=NOW + timedelta(minutes=1),
        now=NOW + timedelta(minutes=1),
    )

    assert refusal() == "opted_out"


def test_a_date_before_computers_is_refused(business: Business) -> None:
    with pytest.raises(InvalidInput):
        tell(IN, datetime(1969, 1, 1, tzinfo=UTC))


def test_free_form_needs_no_consent_and_resumes_when_the_person_writes_again(
    business: Business,
) -> None:
    assert refusal(SERVICE) is None

    tell(OUT, ago(hours=2), scopes=[SERVICE])

    assert refusal(SERVICE) == "opted_out"
    assert refusal(SERVICE, last_inbound_at=ago(hours=2)) == "opted_out"
    assert refusal(SERVICE, last_inbound_at=ago(hours=1)) is None


def test_writing_again_does_not_bring_templates_back(business: Business) -> None:
    tell(OUT, ago(hours=2))

    assert refusal(MARKETING, last_inbound_at=ago(hours=1)) == "opted_out"


def test_another_business_has_its_own_consent(business: Business) -> None:
    opt_out(BusinessFactory.create(), PHONE)
    opt_in(business, PHONE)

    assert refusal() is None


def test_the_state_says_why_not(business: Business) -> None:
    tell(IN, ago(days=3), scopes=list(Scope))
    tell(OUT, ago(days=1), addresses=[BSUID])

    standing = consent.state([PHONE, BSUID])

    assert standing[MARKETING].status == OUT
    assert standing[MARKETING].changed_at == ago(days=1)
    assert standing[MARKETING].refusal == "opted_out"
    assert standing[Scope.UTILITY].refusal is None
    assert consent.state(["+34600999888"])[MARKETING].refusal == "consent_missing"


def test_all_stands_for_the_four_scopes() -> None:
    assert consent.expand("all") == tuple(Scope)
    assert consent.expand("marketing") == (MARKETING,)
    with pytest.raises(InvalidInput):
        consent.expand("everything")


def row(status: ConsentStatus, address: str = PHONE, at: datetime | None = None) -> Any:
    return consent.ConsentRow([address], [MARKETING], status, at, evidence={"row": 1})


def test_an_import_without_dates_cannot_lift_an_opt_out(business: Business) -> None:
    tell(OUT, ago(days=400))

    done = consent.record_many([row(IN), row(IN, "+34600999888")], source="import", now=NOW)

    assert done == consent.Recorded(events=2, changed=1, still_opted_out=frozenset({PHONE}))
    assert refusal() == "opted_out"
    assert refusal(MARKETING, "+34600999888") is None


def test_a_stop_that_arrives_late_beats_an_import_without_dates(business: Business) -> None:
    consent.record_many([row(IN)], source="import", now=NOW)

    tell(OUT, ago(minutes=5))

    assert refusal() == "opted_out"


def test_an_import_with_a_later_date_opts_in_again(business: Business) -> None:
    tell(OUT, ago(days=9))

    consent.record_many([row(IN, at=ago(days=1))], source="import", now=NOW)

    assert refusal() is None


def test_an_undated_withdrawal_in_a_file_counts(business: Business) -> None:
    tell(IN, ago(days=1))

    consent.record_many([row(OUT)], source="import", now=NOW)

    assert refusal() == "opted_out"


def test_a_file_that_says_both_of_one_person_opts_them_out(business: Business) -> None:
    consent.record_many([row(OUT), row(IN), row(IN)], source="import", now=NOW)

    assert refusal() == "opted_out"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE compliance_consentevent SET status = 'opted_in'",
        "UPDATE compliance_consentevent SET wording = 'We may', actor_id = NULL",
        "DELETE FROM compliance_consentevent",
    ],
)
def test_nobody_changes_or_deletes_a_line_of_the_ledger(business: Business, change: str) -> None:
    tell(OUT, ago(days=1))
    Consent.objects.all().delete()

    with (
        pytest.raises(ProgrammingError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)

    assert ConsentEvent.objects.get().status == OUT


def test_a_line_outlives_the_account_of_who_wrote_it(business: Business) -> None:
    user = UserFactory.create()
    tell(OUT, ago(days=1), actor=user)

    user.delete()

    assert ConsentEvent.objects.get().actor is None


HISTORY = st.lists(
    st.tuples(
        st.sampled_from([PHONE, BSUID]),
        st.sampled_from([MARKETING, SERVICE]),
        st.sampled_from([IN, OUT]),
        st.integers(min_value=0, max_value=5),
        st.booleans(),
    ),
    max_size=12,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=HISTORY, page=st.integers(min_value=1, max_value=4), seed=st.randoms())
def test_the_state_equals_a_replay_of_the_ledger_in_any_order(
    business: Business, history: list[Any], page: int, seed: Any
) -> None:
    with tenancy.scope(BusinessFactory.create()):
        rows = [
            consent.ConsentRow(
                [address],
                [scope],
                status,
                ago(hours=hours) if is_dated else None,
                evidence={"n": n},
            )
            for n, (address, scope, status, hours, is_dated) in enumerate(history)
        ]
        seed.shuffle(rows)
        for start in range(0, len(rows), page):
            consent.record_many(rows[start : start + page], source="import", now=NOW)

        assert derived() == replay()


def derived() -> dict[tuple[str, str], Any]:
    return {(c.address, c.scope): (c.status, c.changed_at) for c in Consent.objects.all()}


def replay() -> dict[tuple[str, str], Any]:
    events = sorted(
        ConsentEvent.objects.all(), key=lambda e: (e.is_dated, e.occurred_at, e.status == OUT)
    )
    return {(e.address, e.scope): (e.status, e.occurred_at) for e in events}


def test_the_rule_serves_a_query_over_many_people(business: Business) -> None:
    opt_in(business, "+34600000001")
    opt_in(business, "+34600000002", BSUID)
    opt_out(business, BSUID, scope="marketing")
    rule = consent.refusal_sql(
        business="%(business)s",
        addresses=["people.phone_key", "people.bsuid"],
        scope="people.category",
        last_inbound_at="people.last_inbound_at",
    )

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT people.id, {rule.code} FROM (VALUES "  # noqa: S608
            "(1, '+34600000001', NULL, 'marketing', NULL::timestamptz), "
            "(2, '+34600000002', %(bsuid)s, 'marketing', NULL), "
            "(3, '+34600000002', %(bsuid)s, 'utility', NULL), "
            "(4, NULL, 'ES.1', 'utility', NULL), "
            "(5, NULL, 'ES.1', 'service', NULL)) "
            f"AS people(id, phone_key, bsuid, category, last_inbound_at) {rule.joins} ORDER BY 1",
            {"business": business.pk, "bsuid": BSUID},
        )
        found = dict(cursor.fetchall())

    assert found == {1: None, 2: "opted_out", 3: None, 4: "consent_missing", 5: None}
