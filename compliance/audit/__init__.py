"""The audit trail: who did what to which object, chained so that tampering shows.

trail        record an entry, in the transaction of what it records; the history of an object
masking      what an entry never holds: secrets, message text, people's data
canonical    an entry as bytes, its signature and digest
chain        seal pending entries: link each by hash to the one before it, per business
witness      what is not under a checkpoint yet, remembered outside the database
checkpoints  signed heads of the chains, kept outside the database
verify       recompute everything; name the first entry changed, removed or inserted
doors        how often work crossed businesses, and why, each hour
export       the trail as CSV or JSON lines with the head of the chain
"""

from compliance.audit.masking import MASKED
from compliance.audit.trail import history, record

__all__ = ["MASKED", "history", "record"]
