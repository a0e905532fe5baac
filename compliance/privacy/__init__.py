"""What a person may ask for: a copy of all that is held about them, or that it is erased.

- `registry`     who holds data about people; every app registers its holders
- `requests`     a person asks; states and deadlines
- `export`       the copy: a ZIP of JSON, a readable page and the files
- `erase`        the erasure, step by step, to be resumed after a kill at any moment
- `certificate`  what was erased where, signed
- `suppression`  keyed hashes of the addresses that were erased
- `records`      the list of erasures outside the database, replayed after a restore
- `retention`    how long each kind of data is kept
- `keys`         the one secret the hashes and signatures are made with
"""
