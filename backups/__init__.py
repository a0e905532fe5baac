"""What survives: dump, seal, store, restore, verify.

`runs` a backup from request to verified. `dump` the database and a manifest of one snapshot.
`seal` encrypts in blocks. `store` keeps archives on disk or in S3. `restore` loads one into a
scratch database. `verify` findings a person understands. `retention` which ones to keep (pure).
"""
