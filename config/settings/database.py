"""PostgreSQL: the application role by default, the owner's for commands that migrate."""

from typing import Any

from config.env import env

# `manage.py` sets this to "owner" for the commands that change the schema.
DATABASE_ROLE = env.str("DATABASE_ROLE", default="app")

_UNSET = "postgres://unset@127.0.0.1:1/unset"
DATABASE_URL = env.str("DATABASE_URL", default=_UNSET)
DATABASE_URL_IS_SET = DATABASE_URL != _UNSET
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default=DATABASE_URL)
DATABASE_REPLICA_URL = env.str("DATABASE_REPLICA_URL", default="")

# Web processes answer each request on a thread of its own, so they share a pool; workers and
# commands keep one connection.
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=0)

# Where `pg_dump` of the same version as the server is; empty looks on PATH.
POSTGRES_BIN_DIR = env.str("POSTGRES_BIN_DIR", default="")


def connection(url: str) -> dict[str, Any]:
    """Django's connection settings for one `postgres://` address.

    The application's statements say whose rows they may see. The owner's see all, as a setting
    of the session: some that change the schema stand alone in their message.
    """
    config: dict[str, Any] = env.db_url_config(url)
    config["CONN_HEALTH_CHECKS"] = True
    options = config.setdefault("OPTIONS", {})
    options["connect_timeout"] = 5
    if DATABASE_ROLE == "owner":
        config["ENGINE"] = "django.db.backends.postgresql"
        options["options"] = "-c switchboard.business=all"
    else:
        config["ENGINE"] = "config.lib.postgres"
    if DATABASE_POOL_SIZE:
        options["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 10}
    else:
        config["CONN_MAX_AGE"] = 600
    return config


DATABASES = {
    "default": connection(DATABASE_OWNER_URL if DATABASE_ROLE == "owner" else DATABASE_URL)
}
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = connection(DATABASE_REPLICA_URL) | {"TEST": {"MIRROR": "default"}}
