"""Names and queues of the background jobs of compliance."""

from config.lib.jobs import Job

SEAL_AUDIT = Job("compliance.seal_audit")  # every minute: chain what the trail gained
