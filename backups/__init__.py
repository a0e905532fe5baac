"""What survives: dump, seal, store, verify.

`dump` archive plus manifest. `seal` encrypt and hash. `store` put, list, fetch. `restore` into a
scratch database. `verify` findings. `retention` which ones to keep (pure).
"""
