"""What happened: hourly roll-ups of message facts, and the numbers read from them.

`rollups` adds a batch of facts, and recomputes a day. `queries` the numbers of the dashboard and
the API. `receivers` listens to messaging.
"""
