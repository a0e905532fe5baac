"""Files: message media, exports and static files."""

from config.env import env

BACKUP_STORAGE_URL = env.str("BACKUP_STORAGE_URL", default="file://.data/backups")
BACKUP_ENCRYPTION_KEY = env.str("BACKUP_ENCRYPTION_KEY", default="")
MEDIA_STORAGE_URL = env.str("MEDIA_STORAGE_URL", default="file://.data/media")
