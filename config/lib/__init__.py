"""Code every app shares; it has no models and knows no app.

errors      kinds of failure                     ids         UUIDv7, derived ids
addresses   phone numbers, BSUIDs, person keys   crypto      encrypted fields, keyed hashes
jobs        background work by name              tasks       the base of Celery tasks
redis       the connection, names of keys        locks       single-flight for periodic work
rates       token bucket                         partitions  tables by month
graph       Meta's HTTP transport                alerts      mail, Slack, PagerDuty
context     the address of who asked            streams     large answers, sent as they are made
logging     JSON lines, request ids, redaction   api         pages, errors, filters, permissions
"""
