"""Names and queues of messaging's background jobs."""

from config.lib.jobs import Job

DELIVER = Job("messaging.deliver", queue="send.bulk")  # kwargs: sender_id
DELIVER_REPLY = Job("messaging.deliver_reply", queue="send.reply")  # kwargs: sender_id
SWEEP = Job("messaging.sweep", queue="default")
RECONCILE = Job("messaging.reconcile", queue="default")
APPLY_WEBHOOKS = Job("messaging.apply_webhooks", queue="webhooks")
FAN_OUT = Job("messaging.fan_out", queue="long")  # kwargs: business_id, campaign_id
SETTLE_CAMPAIGNS = Job("messaging.settle_campaigns", queue="default")
IMPORT_CONTACTS = Job("messaging.import_contacts", queue="long")  # kwargs: business_id, import_id
FETCH_MEDIA = Job("messaging.fetch_media", queue="default")
MAKE_PARTITIONS = Job("messaging.make_partitions", queue="default")
SYNC_NUMBERS = Job("messaging.sync_numbers", queue="default")  # kwargs: business_id, account_id
CHECK_ACCOUNTS = Job("messaging.check_accounts", queue="default")
