"""Who is named in a text: one a line, by no guess."""

from __future__ import annotations

import pytest

from compliance.privacy import named


def test_a_header_says_which_column_names_people() -> None:
    found = named.read("customer;phone\n2021-03-05;+4917012345678\n", region="DE", most=10)

    assert (found.keys, found.findings) == (("+4917012345678",), ())


@pytest.mark.parametrize(
    "line",
    [
        "3012345678;+4917012345678",
        "05.03.2021;+49170123",
        "+4917012345678, +4917012345679",
        "Anna",
    ],
)
def test_a_line_that_may_mean_somebody_else_is_refused(line: str) -> None:
    found = named.read(f"+4917012345670\n{line}\n", region="DE", most=10)

    assert found.keys == ("+4917012345670",)
    assert len(found.findings) == 1
    assert found.findings[0].startswith("Line 2")


def test_a_name_may_stand_beside_the_number() -> None:
    found = named.read("Anna Schmidt, +4917012345678\n", region="DE", most=10)

    assert (found.keys, found.findings) == (("+4917012345678",), ())
