"""May we: consent, opt-out words, the audit trail, privacy requests, scanning.

`consent` grant, withdraw, `check(...) -> Decision`. `optout` words per business and language;
`apply(...)` acts on a STOP and returns the reply to send. `audit` the append-only trail:
`record`, `history`. Consent is keyed by business, address key and scope, never by a contact row,
so that it outlives an erased contact.
"""
