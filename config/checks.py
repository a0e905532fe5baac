"""System checks of the deployment: what production must not start without."""

from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from config.lib.postgres import roles
from config.settings.security import DEV_SECRET_KEY

TAG = "deployment"


@register(TAG)
def check_secrets(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse production without its own secrets."""
    if settings.DEBUG:
        return []
    required = (
        ("E001", settings.SECRET_KEY not in ("", DEV_SECRET_KEY), "SECRET_KEY"),
        ("E002", bool(settings.FIELD_ENCRYPTION_KEYS), "FIELD_ENCRYPTION_KEYS"),
        ("E003", settings.DATABASE_URL_IS_SET, "DATABASE_URL"),
        ("E004", bool(settings.BACKUP_ENCRYPTION_KEY), "BACKUP_ENCRYPTION_KEY"),
    )
    return [
        Error(f"{name} must be set when DEBUG=0; see .env.example.", id=f"config.{number}")
        for number, is_set, name in required
        if not is_set
    ]


@register(TAG)
def check_meta_secrets(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when Meta's webhooks cannot be accepted."""
    missing = [n for n in ("META_APP_SECRET", "META_VERIFY_TOKEN") if not getattr(settings, n)]
    if settings.DEBUG or not missing:
        return []
    text = f"{' and '.join(missing)} not set: webhooks from Meta will be refused."
    return [Warning(text, id="config.W001")]


@register(TAG)
def check_lease(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a lease that ends while a request is still under way: it would be sent twice."""
    if settings.SEND_LEASE_SECONDS > settings.META_TIMEOUT_SECONDS > 0:
        return []
    text = "SEND_LEASE_SECONDS must be larger than META_TIMEOUT_SECONDS."
    return [Error(text, id="config.E006")]


@register(TAG)
def check_owner(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when one role both owns the tables and serves requests."""
    if settings.DATABASE_OWNER_URL != settings.DATABASE_URL or not settings.DATABASE_URL_IS_SET:
        return []
    text = "DATABASE_OWNER_URL is not set: migrations run as the role of DATABASE_URL."
    return [Warning(text, id="config.W002")]


@register(Tags.database)
def check_database_role(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Sequence[str] | None = None,
    **kwargs: Any,
) -> list[CheckMessage]:
    """Refuse production as a role that row-level security does not bind.

    Commands that change the schema connect as the owner and are exempt.
    """
    if settings.DEBUG or settings.DATABASE_ROLE == "owner" or "default" not in (databases or []):
        return []
    with connection.cursor() as cursor:
        escape = roles.find_escape(cursor)
    return [Error(escape, id="config.E005")] if escape else []
