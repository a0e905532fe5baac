"""Speak Meta's WhatsApp protocol. Plain Python: no Django, no database, no settings.

errors         every code of Meta's: class, sentence for the operator, what the pump does
payloads       the JSON body of an outgoing message
content        Meta's limits on free-form content, as findings
interactive    Meta's limits on interactive content, as findings
client         the endpoints messaging uses, on config.lib.graph
signature      the webhook signature
notifications  a webhook body, parsed into facts (kinds in `facts`)
"""
