"""Kinds of failure carry what programs and people need."""

from config.lib.errors import Conflict, InvalidInput, TooMany, Unavailable


def test_a_kind_has_a_status_and_a_code_that_can_be_narrowed() -> None:
    plain = Conflict("Not now.")
    named = Conflict("Not now.", code="last_owner", attr="user", extra={"left": 1})

    assert (plain.status, plain.code, plain.attr, plain.extra) == (409, "conflict", None, {})
    assert (named.code, named.attr, named.extra) == ("last_owner", "user", {"left": 1})
    assert str(named) == "Not now."


def test_a_subclass_sets_its_own_code() -> None:
    class Opaque(InvalidInput):
        code = "opaque"

    assert Opaque("No.").code == "opaque"
    assert Opaque("No.").status == 400


def test_limits_and_outages_say_when_to_come_back() -> None:
    assert TooMany("Slow.", retry_after_seconds=30).retry_after_seconds == 30
    assert Unavailable("Down.").retry_after_seconds > 0
