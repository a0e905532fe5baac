"""Benchmarks: each a rate beside a ceiling that is measured in the same run.

`place` makes the database and the processes, `rows` fills tables, `ceilings` holds the bare
programs to compare with; `send`, `intake`, `statuses`, `launch`, `imports`, `isolation` and
`memory` measure; `report` runs them and prints the table. See README.md.
"""
