"""Who: businesses, users and their roles, API keys, Meta credentials.

`businesses` open, suspend, close. `members` invite, change role, remove. `roles` the one table
role to permissions. `grants` who holds what and why. `api_keys` issue, verify, rotate, revoke.
`credentials` connect a WhatsApp account and rotate its token. `tokens` sign in, refresh, log out.
`tenancy` the business in scope and the models that ask for it. `middleware` picks the business
of a request.
"""
