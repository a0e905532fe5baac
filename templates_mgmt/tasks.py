"""Background work of templates."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

import structlog
from django.utils import timezone

from accounts import tenancy
from accounts.models import WhatsAppAccount
from config.lib.errors import ProjectError
from config.lib.tasks import task
from templates_mgmt import jobs, sync

logger = structlog.get_logger(__name__)


@task(jobs.SYNC_TEMPLATES, time_limit_seconds=sync.LONGEST_SECONDS)
def sync_templates(*, business_id: str, account_id: str, **_: object) -> dict[str, object]:
    """Pull the templates of one account. A refusal of Meta's is logged; the next hour tries."""
    with tenancy.scope(UUID(business_id)):
        account = WhatsAppAccount.objects.filter(pk=account_id).first()
        if account is None:
            return {"gone_account": 1}
        try:
            return dict(asdict(sync.pull(account, now=timezone.now())))
        except ProjectError as error:
            logger.warning("templates_not_synced", account_id=account_id, code=error.code)
            return {"refused": error.code}


@task(jobs.SYNC_ALL)
def sync_all(**_: object) -> dict[str, object]:
    """Start a pull for every account."""
    return {"accounts": sync.enqueue_all()}
