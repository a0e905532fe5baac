"""Celery: queues, limits and the periodic work that beat starts."""

from celery.schedules import crontab

from config.env import env

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:1/0")
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Jobs only say "look now": one that a dead worker held may come back soon, a publisher never waits.
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {
    "visibility_timeout": 600,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BEAT_SCHEDULER = "config.scheduler:Scheduler"

# What beat starts, in seconds; the rows stay editable in the admin.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "messaging.sweep", "schedule": 5.0, "options": {"expires": 30}},
    "reconcile": {"task": "messaging.reconcile", "schedule": 30.0, "options": {"expires": 60}},
    "apply webhooks": {
        "task": "messaging.apply_webhooks",
        "schedule": 5.0,
        "options": {"expires": 30},
    },
    "settle campaigns": {
        "task": "messaging.settle_campaigns",
        "schedule": 5.0,
        "options": {"expires": 30},
    },
    "fetch media": {"task": "messaging.fetch_media", "schedule": 30.0, "options": {"expires": 60}},
    "make partitions": {"task": "messaging.make_partitions", "schedule": 86400.0},
    "check accounts": {"task": "messaging.check_accounts", "schedule": 3600.0},
    "sync templates": {"task": "templates.sync_all", "schedule": 3600.0},
    "check tokens": {"task": "accounts.check_tokens", "schedule": 3600.0},
    "mail invitations": {
        "task": "accounts.mail_invitations",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "end grants": {"task": "accounts.end_grants", "schedule": 300.0},
    "expire approvals": {"task": "accounts.expire_approvals", "schedule": 3600.0},
    "forget answers": {"task": "accounts.forget_answers", "schedule": 3600.0},
    "nightly backup": {"task": "backups.nightly", "schedule": crontab(hour="2", minute="30")},
    "check audit trails": {
        "task": "compliance.check_trails",
        "schedule": crontab(hour="3", minute="30"),
    },
    "note doors": {"task": "compliance.note_doors", "schedule": 600.0},
    "seal audit trail": {
        "task": "compliance.seal_audit",
        "schedule": 60.0,
        "options": {"expires": 120},
    },
    "retention": {"task": "privacy.retention", "schedule": crontab(hour="3", minute="40")},
    "privacy": {"task": "privacy.sweep", "schedule": 30.0, "options": {"expires": 60}},
    "forget tokens": {"task": "accounts.forget_tokens", "schedule": 86400.0},
}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": env.str("REDIS_KEY_PREFIX", default="switchboard"),
    }
}
REDIS_KEY_PREFIX = env.str("REDIS_KEY_PREFIX", default="switchboard")
