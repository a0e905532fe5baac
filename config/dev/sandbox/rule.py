"""What becomes of a message, decided by the last two digits of the recipient.

    00-79   sent, delivered, read
    80-89   sent, delivered; never read, as for people who switched receipts off
    90, 91  failed later with 131026 (undeliverable)
    92      failed later with 131049 (healthy ecosystem), marketing only, others are read
    93      failed later with 131050 (stopped marketing), marketing only, others are read
    94      failed later with 130472 (experiment), marketing only, others are read
    95      held for quality assessment, then delivered; never read
    96      refused at once with 131056 (pair limit), the second try is accepted and read
    97      refused at once with 131000 (HTTP 500), twice; the third try is accepted and read
    98      read, then the person answers STOP (only to a template, so that no loop can start)
    99      read, then the person answers a text (only to a template)

The digits are the last two in the address: of a phone number in any spelling, or of a user id
(BSUID). An address without two digits counts as 00.
"""

from dataclasses import dataclass

STOP_TEXT = "STOP"
ANSWER_TEXT = "Thanks! Can you tell me more?"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of a message: where it ends and what happens on the way.

    `final` is "read", "delivered" or "failed"; `error_code` is Meta's code when it failed.
    `refusal_code` answers the first `refusals` tries at once. `reply` is what the person then
    writes; it is None for most.
    """

    final: str
    error_code: int | None = None
    refusal_code: int | None = None
    refusals: int = 0
    held: bool = False
    reply: str | None = None


READ = Outcome("read")
DELIVERED = Outcome("delivered")
MARKETING_FAILURES = {92: 131049, 93: 131050, 94: 130472}

_SPECIAL = {
    90: Outcome("failed", error_code=131026),
    91: Outcome("failed", error_code=131026),
    **{digits: Outcome("failed", error_code=code) for digits, code in MARKETING_FAILURES.items()},
    95: Outcome("delivered", held=True),
    96: Outcome("read", refusal_code=131056, refusals=1),
    97: Outcome("read", refusal_code=131000, refusals=2),
    98: Outcome("read", reply=STOP_TEXT),
    99: Outcome("read", reply=ANSWER_TEXT),
}
_OUTCOMES = tuple(_SPECIAL.get(digits, READ if digits < 80 else DELIVERED) for digits in range(100))


def digits_of(address: str) -> int:
    """Return the number the last two digits of the address make, 0 when it has fewer than two."""
    tail = address[-2:]
    if not (tail.isascii() and tail.isdigit()):
        tail = "".join(c for c in address if "0" <= c <= "9")[-2:]
    return int(tail) if len(tail) == 2 else 0


def outcome_for(address: str, *, category: str = "marketing") -> Outcome:
    """Return the outcome for a message to this phone number or user id.

    `category` is the template's category in lower case, "service" for free-form messages:
    92 to 94 fail only as marketing and are read otherwise.
    """
    digits = digits_of(address)
    if digits in MARKETING_FAILURES and category != "marketing":
        return READ
    return _OUTCOMES[digits]
