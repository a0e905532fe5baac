"""The two-person rule: what was asked, who agreed, and that it is still what is about to happen.

Who takes a step that needs a second person works in a function marked `@asking` and calls
`require` there, in the transaction of the step, under the locks that keep what is approved as it
is, with a digest of all of it:

    @approvals.asking
    def erase_many(*, people, by, now):
        digest = approvals.digest_of({"the people": ids})
        approvals.require(kind="mass_erasure", subject_type="erasure", subject_id=str(batch.pk),
                          digest=digest, by=by, now=now, asks=Asks("Erase 40 people", lines))

`require` lets the step pass, and uses the approval up, when another person approved exactly this.
Else it raises `ApprovalRequired` or `ApprovalVoid`; `asking` takes the step back and keeps the
request. Whoever asked repeats the step once it is approved.

To be read in this order:

    digests    a hash of everything an approval is given for, and which part of it changed
    rights     who may decide
    records    the row: found, locked, moved from state to state
    subjects   what apps tell about what they have approved
    requests   somebody asks, or has to
    endings    what changed, or was left lying, ends
    decisions  another person agrees or refuses
    steps      the step itself, which uses the approval up
    listing    what the caller sees
"""

from accounts.approvals.decisions import Stale, approve, reject, withdraw
from accounts.approvals.digests import Digest, changed_parts, digest_of
from accounts.approvals.endings import expire, void_changed
from accounts.approvals.listing import count_waiting, get, in_state, list_visible, may_decide
from accounts.approvals.records import (
    LIFETIME,
    NoLongerOpen,
    find_latest,
    find_live,
    state_of,
)
from accounts.approvals.requests import (
    ApprovalRequired,
    ApprovalVoid,
    Asks,
    NeedsApproval,
)
from accounts.approvals.rights import NEEDED, NotYours
from accounts.approvals.steps import asking, is_needed, require, require_standing, was_used
from accounts.approvals.subjects import People, Person, find_people, watch

__all__ = [
    "LIFETIME",
    "NEEDED",
    "ApprovalRequired",
    "ApprovalVoid",
    "Asks",
    "Digest",
    "NeedsApproval",
    "NoLongerOpen",
    "NotYours",
    "People",
    "Person",
    "Stale",
    "approve",
    "asking",
    "changed_parts",
    "count_waiting",
    "digest_of",
    "expire",
    "find_latest",
    "find_live",
    "find_people",
    "get",
    "in_state",
    "is_needed",
    "list_visible",
    "may_decide",
    "reject",
    "require",
    "require_standing",
    "state_of",
    "void_changed",
    "was_used",
    "watch",
    "withdraw",
]
