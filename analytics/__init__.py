"""What happened: hourly roll-ups of message facts, and the numbers read from them.

`receivers` listens to messaging. `rollups` adds a batch of facts, and recomputes a day. `periods`
which hours are asked for. `queries` the numbers of the dashboard and the API.
"""
