"""Apply what Meta's webhooks tell about one template.

Events come late, repeated and out of order. Each kind of fact remembers when it was last told
(`Template.told_at`, and `synced_at` for a pull); an older event changes nothing, and of two of the
same second the graver one stands. So any order leads to the same end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db import transaction

from accounts.models import WhatsAppAccount
from templates_mgmt import jobs, states
from templates_mgmt.catalog import canonical_language
from templates_mgmt.models import Template
from templates_mgmt.signals import TemplateStatusChanged, template_status_changed

# Webhooks carry whole seconds, and Meta's list may lag behind its own events.
TOLERANCE: Final = timedelta(seconds=5)


class Outcome(StrEnum):
    """What became of an event. After `UNKNOWN_TEMPLATE` a pull is on its way."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    UNKNOWN_TEMPLATE = "unknown_template"


@transaction.atomic
def apply_status(
    *,
    account: WhatsAppAccount,
    meta_id: str,
    name: str,
    language: str,
    event: str,
    occurred_at: datetime,
    reason: str = "",
) -> Outcome:
    """Move the template to the state of the event; announces `TemplateStatusChanged`."""
    template = _find(account, meta_id, name, language)
    if template is None:
        return _pull_later(account)
    word = event.upper()
    if not _is_news(template, "status", occurred_at, states.status_gravity(word)):
        return Outcome.UNCHANGED
    before = template.status
    said = "" if reason.upper() in {"", "NONE", "NULL"} else reason
    template.status = states.status_of(word)
    template.meta_status = word[:40]
    template.rejection_reason = said[:500]
    _save(template, "status", "meta_status", "rejection_reason")
    announce(template, before, said)
    return Outcome.APPLIED


@transaction.atomic
def apply_quality(
    *,
    account: WhatsAppAccount,
    meta_id: str,
    name: str,
    language: str,
    quality: str,
    occurred_at: datetime,
) -> Outcome:
    """Note how people take the template."""
    template = _find(account, meta_id, name, language)
    if template is None:
        return _pull_later(account)
    if not _is_news(template, "quality", occurred_at, states.quality_gravity(quality)):
        return Outcome.UNCHANGED
    template.quality = states.quality_of(quality)
    _save(template, "quality")
    return Outcome.APPLIED


@transaction.atomic
def apply_category(
    *,
    account: WhatsAppAccount,
    meta_id: str,
    name: str,
    language: str,
    category: str,
    occurred_at: datetime,
    upcoming_category: str = "",
) -> Outcome:
    """Note the category in force, and the one Meta announced.

    The category decides which consent a send needs. Of a notice and the change itself in one
    second, the change stands.
    """
    template = _find(account, meta_id, name, language)
    if template is None:
        return _pull_later(account)
    if not _is_news(template, "category", occurred_at, 0 if upcoming_category else 1):
        return Outcome.UNCHANGED
    template.category = states.category_of(category, otherwise=template.category)
    template.pending_category = states.category_of(upcoming_category, otherwise="")
    _save(template, "category", "pending_category")
    return Outcome.APPLIED


@transaction.atomic
def apply_components(
    *,
    account: WhatsAppAccount,
    meta_id: str,
    name: str,
    language: str,
    occurred_at: datetime,
    texts: Mapping[str, str],
) -> Outcome:
    """Take over changed texts (by HEADER, BODY, FOOTER) and have the whole template pulled.

    The event holds no samples, media or card, so only a pull tells the template as it is.
    """
    template = _find(account, meta_id, name, language)
    if template is None:
        return _pull_later(account)
    if not _is_news(template, "components", occurred_at, 0):
        return Outcome.UNCHANGED
    template.components = [_with_text(part, texts) for part in template.components]
    _save(template, "components")
    _pull_later(account)
    return Outcome.APPLIED


def announce(template: Template, before: str, reason: str) -> None:
    """Tell whoever listens that the template's state changed, if it did."""
    if template.status == before:
        return
    fact = TemplateStatusChanged(
        business_id=template.business_id,
        template_id=template.pk,
        before=before,
        after=str(template.status),
        reason=reason,
    )
    template_status_changed.send(sender=Template, fact=fact)


def _find(account: WhatsAppAccount, meta_id: str, name: str, language: str) -> Template | None:
    """Lock the template Meta means: by its id, else by name and language."""
    rows = Template.objects.select_for_update().filter(account=account)
    found: Template | None = rows.filter(meta_id=meta_id).first() if meta_id else None
    if found is None and name:
        found = rows.filter(name=name, language=canonical_language(language)).first()
    return found


def _pull_later(account: WhatsAppAccount) -> Outcome:
    jobs.SYNC_TEMPLATES.enqueue(business_id=str(account.business_id), account_id=str(account.pk))
    return Outcome.UNKNOWN_TEMPLATE


def _is_news(template: Template, kind: str, occurred_at: datetime, gravity: int) -> bool:
    """Say whether the event outranks what is known, and remember it if so."""
    told = [occurred_at.timestamp(), gravity]
    known: Sequence[float] | None = template.told_at.get(kind)
    if known is not None and told <= list(known):
        return False
    if template.synced_at is not None and occurred_at + TOLERANCE < template.synced_at:
        return False
    template.told_at = {**template.told_at, kind: told}
    return True


def _save(template: Template, *fields: str) -> None:
    template.save(update_fields=[*fields, "told_at", "updated_at"])


def _with_text(part: dict[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    text = texts.get(str(part.get("type", "")).upper())
    return {**part, "text": text} if text and part.get("text") else part
