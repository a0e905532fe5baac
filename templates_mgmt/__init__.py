"""What may be said: message templates, their state at Meta, and their sync.

`components` header, body, buttons, placeholders (pure). `validation` Meta's rules checked before
Meta does (pure). `catalog` what may be sent now. `meta` the endpoints. `sync` pull, reconcile,
`apply_status`.
"""
