"""What tests change: speed and addresses, never semantics."""

import os

from config.env import env
from config.settings.base import *  # noqa: F403
from config.settings.celery import CACHES

DEBUG = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# One prefix per test process; a worker it starts is told the same one.
REDIS_KEY_PREFIX = env.str(
    "REDIS_KEY_PREFIX",
    default=f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}",
)
CACHES["default"]["KEY_PREFIX"] = REDIS_KEY_PREFIX
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **globals().get("CELERY_BROKER_TRANSPORT_OPTIONS", {}),
    "global_keyprefix": f"{REDIS_KEY_PREFIX}:",
}
