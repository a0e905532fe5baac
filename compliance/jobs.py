"""Names and queues of the background jobs of compliance."""

from config.lib.jobs import LONG, Job

SEAL_AUDIT = Job("compliance.seal_audit")  # every minute: chain what the trail gained
NOTE_DOORS = Job("compliance.note_doors")  # hourly: how often work crossed businesses, and why
PERFORM = Job("privacy.perform", queue=LONG)  # kwargs: business_id, request_id
SWEEP = Job("privacy.sweep")  # periodic: what is due, late, expired or not yet stored outside
RETENTION = Job("privacy.retention", queue=LONG)  # daily: the rules of every business
CHECK_AUDIT = Job("compliance.check_audit", queue=LONG)  # by hand: recompute a business's trail
CHECK_TRAILS = Job("compliance.check_trails", queue=LONG)  # nightly: recompute every trail
