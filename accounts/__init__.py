"""Who: businesses, users and their roles, API keys, Meta credentials.

`businesses` open, suspend, close. `members` invite, change role, remove. `roles` the one table
role to permissions. `grants` who holds what and why. `api_keys` issue, verify, rotate, revoke.
`credentials` connect a WhatsApp account and rotate its token. `tokens` sign in, refresh, log out.
`lockout` counts wrong passwords. `tenancy` the business in scope and the models that ask for it.
`access` the caller of a request; `business_choice` which business it acts in; `authentication`
(API) and `middleware` (pages) put both there. `idempotency` keeps first answers.
`graph` the process's client of Meta's Graph API.
"""
