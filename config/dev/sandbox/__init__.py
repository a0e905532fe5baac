"""A stand-in for Meta's Graph API, for development, demos and tests.

It serves the WhatsApp paths under `/{version}/`, checks what Meta checks, answers with Meta's
error codes and calls our webhook back with signed events. The product never imports it, and it
imports nothing of the product. Everything is kept in memory.

- `rule` what becomes of a message, decided by the last two digits of the recipient
- `addresses` phone numbers as WhatsApp rewrites them, user ids (BSUID) and names derived from them
- `world` the accounts, numbers, templates and files it knows; `seed.json` is where they start
- `content`, `interactive`, `template_sends` what may be sent; `template_rules` what may be created
- `accepted` the list of what was accepted; `customers` the people and their chats
- `sending` a message comes in; `progress` what happens to it afterwards; `faults` misbehaviour
- `notices`, `outbox` webhooks: what they say, and how they are batched, signed and retried
- `graph`, `templates`, `files`, `control`, `page` the routes; `server` puts them together

The outcome rule, by the last two digits of the phone number or user id (details in `rule`):

    00-79 read                         94 failed 130472, experiment (marketing)
    80-89 delivered, receipts off      95 held for assessment, then delivered
    90-91 failed 131026                96 refused once (131056), then read
    92    failed 131049 (marketing)    97 refused twice (131000, HTTP 500), then read
    93    failed 131050 (marketing)    98 read, then answers STOP; 99 read, then answers a text
"""
