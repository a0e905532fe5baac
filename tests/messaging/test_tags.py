"""How tags are spelt."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from messaging.contacts.tags import BadTag, normalise


@pytest.mark.parametrize(
    "name", ["VIP", " vip ", "v\u200bip", "\u200b vip", "\uff36\uff29\uff30", "vip\n"]
)
def test_spellings_of_one_tag_are_one(name: str) -> None:
    assert normalise(name) == "vip"


@given(st.text(min_size=1, max_size=60))
@example("\u0088 a")
def test_a_spelling_as_kept_is_kept(name: str) -> None:
    try:
        kept = normalise(name)
    except BadTag:
        assume(False)
    assert normalise(kept) == kept
