"""PostgreSQL: the application role by default, the owner's for commands that migrate."""

from typing import Any

from config.env import env

# `manage.py` sets this to "owner" for the commands that change the schema.
DATABASE_ROLE = env.str("DATABASE_ROLE", default="app")

_UNSET = "postgres://unset@127.0.0.1:1/unset"
DATABASE_URL = env.str("DATABASE_URL", default=_UNSET)
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default=DATABASE_URL)


def connection(url: str) -> dict[str, Any]:
    """Django's connection settings for one `postgres://` address."""
    config: dict[str, Any] = env.db_url_config(url)
    config["ENGINE"] = "django.db.backends.postgresql"
    config["CONN_MAX_AGE"] = 600
    config["CONN_HEALTH_CHECKS"] = True
    config.setdefault("OPTIONS", {}).update({"connect_timeout": 5})
    return config


DATABASES = {
    "default": connection(DATABASE_OWNER_URL if DATABASE_ROLE == "owner" else DATABASE_URL)
}
