"""Files: message media, exports and static files."""

from config.env import env

BACKUP_STORAGE_URL = env.str("BACKUP_STORAGE_URL", default="file://.data/backups")
BACKUP_ENCRYPTION_KEY = env.str("BACKUP_ENCRYPTION_KEY", default="")
# A storage that speaks S3 but is not Amazon's.
AWS_S3_ENDPOINT_URL = env.str("AWS_S3_ENDPOINT_URL", default="")
AWS_S3_REGION_NAME = env.str("AWS_S3_REGION_NAME", default="")
MEDIA_STORAGE_URL = env.str("MEDIA_STORAGE_URL", default="file://.data/media")
