"""Names and queues of the background jobs of accounts; all are periodic."""

from config.lib.jobs import Job

FORGET_ANSWERS = Job("accounts.forget_answers")  # hourly: expired idempotency records
FORGET_TOKENS = Job("accounts.forget_tokens")  # daily: expired refresh tokens
MAIL_INVITATIONS = Job("accounts.mail_invitations")  # every minute, and when somebody is invited
END_GRANTS = Job("accounts.end_grants")  # every few minutes: grants whose time is over
CHECK_TOKENS = Job("accounts.check_tokens")  # hourly: does Meta still accept our access tokens
EXPIRE_APPROVALS = Job("accounts.expire_approvals")  # hourly: requests nobody decided in time
