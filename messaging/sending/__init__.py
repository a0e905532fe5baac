"""The pump: from a request to Meta, and what is learnt on the way.

`request` is the door: gate, then a message and its queue row in one transaction. `queue` claims,
leases, releases. `gate` decides for a batch. `throttle` says how many may leave now. `deliver` is
the loop over these; `record` writes every outcome. Beside it `sweep` (what is due, what died),
`reconcile` (outcome unknown), `retry` (asked for by people), `fence` (an opt-out waits for what is
in flight).
"""
