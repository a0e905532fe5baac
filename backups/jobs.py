"""Names and queues of the background jobs of backups."""

from config.lib.jobs import BACKUPS, Job

RUN = Job("backups.run", queue=BACKUPS)  # kwargs: backup_id
VERIFY = Job("backups.verify", queue=BACKUPS)  # kwargs: backup_id
NIGHTLY = Job("backups.nightly", queue=BACKUPS)  # periodic: a backup, its check, retention
