"""Meta's Graph API: where it is and what signs its webhooks."""

from config.env import env

META_GRAPH_URL = env.str("META_GRAPH_URL", default="https://graph.facebook.com").rstrip("/")
META_GRAPH_VERSION = env.str("META_GRAPH_VERSION", default="v26.0")
META_APP_SECRET = env.str("META_APP_SECRET", default="")
META_VERIFY_TOKEN = env.str("META_VERIFY_TOKEN", default="")
# The longest a request lasts; files get more.
META_TIMEOUT_SECONDS = env.int("META_TIMEOUT_SECONDS", default=30)
# A claimed message is free again, or its outcome unknown, when its worker was silent for so long.
# Longer than the longest request: `config.checks` refuses the rest.
SEND_LEASE_SECONDS = env.int("SEND_LEASE_SECONDS", default=60)
# One run of the send loop for a sender; another sender's turn comes after it.
SEND_SLICE_SECONDS = env.int("SEND_SLICE_SECONDS", default=20)
# A scheduled campaign found this long after its time is paused, for a person to look at.
CAMPAIGN_LATE_START_SECONDS = env.int("CAMPAIGN_LATE_START_SECONDS", default=6 * 3600)
