"""Who: businesses, users and their roles, API keys, Meta credentials.

`businesses` open, suspend, close. `invitations` ask people to join; `members` change role,
remove. `roles` the one table role to permissions. `holdings` who holds what and why, `grants` what
is granted beside the role, `objects` what it can be granted for, `standing` and `renewal` rights
that do not change while they are used.
`api_keys` issue, verify, rotate, revoke, bound to `networks`. `sign_ins` where people are signed
in.
`credentials` connect a WhatsApp account and rotate its token. `tokens` sign in, refresh, log out.
`lockout` counts wrong passwords. `tenancy` the business in scope and the models that ask for it.
`access` the caller of a request; `business_choice` which business it acts in; `authentication`
(API) and `middleware` (pages) put both there. `idempotency` keeps first answers.
`graph` the process's client of Meta's Graph API.
"""
