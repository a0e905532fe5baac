"""The conversation: from a campaign or a reply to Meta, and from Meta's webhooks to the screen.

Read downwards: `inbox` what an operator sees. `webhooks` what Meta tells us. `campaigns` one
message to many. `sending` the pump: request > gate > throttle > deliver > record, with `sweep`
and `retry` beside it. `messages` the row, its status and history. `conversations` threads and the
service window. `senders`, `contacts`, `media` what a message is made of. `meta` the wire format.
"""
