"""Names and queues of the background jobs of templates."""

from config.lib.jobs import Job

SYNC_TEMPLATES = Job("templates.sync")  # kwargs: business_id, account_id
SYNC_ALL = Job("templates.sync_all")  # periodic, every hour: a SYNC_TEMPLATES for each account
