"""What tests change: speed, addresses and how loud a mistake is, never semantics."""

import os

from config.env import env
from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS
from config.settings.celery import CACHES

DEBUG = False
REFUSE_CALLS_IN_TRANSACTIONS = True
if "config.dev" not in INSTALLED_APPS:
    INSTALLED_APPS += ["config.dev"]

SECRET_KEY = "test-secret-key-0123456789-0123456789-0123456789"  # noqa: S105  # tests only
FIELD_ENCRYPTION_KEYS = ["test-field-key-2", "test-field-key-1"]
BACKUP_ENCRYPTION_KEY = "test-backup-key"
META_APP_SECRET = "test-app-secret"  # noqa: S105  # tests only
META_VERIFY_TOKEN = "test-verify-token"  # noqa: S105  # tests only
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# One prefix per test process; a worker it starts is told the same one.
REDIS_KEY_PREFIX = env.str(
    "REDIS_KEY_PREFIX",
    default=f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}",
)
CACHES["default"]["KEY_PREFIX"] = REDIS_KEY_PREFIX
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **CELERY_BROKER_TRANSPORT_OPTIONS,  # noqa: F405  # from base
    "global_keyprefix": f"{REDIS_KEY_PREFIX}:",
}
