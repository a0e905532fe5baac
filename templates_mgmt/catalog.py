"""What may be sent now."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet

from accounts.models import WhatsAppAccount
from config.lib.errors import Conflict, NotFound
from templates_mgmt.errors import TemplateNotApproved, TemplatePaused
from templates_mgmt.models import Template

# States in which Meta stopped a template it had approved.
STOPPED: Final = frozenset({Template.Status.PAUSED, Template.Status.DISABLED})


def list_templates() -> QuerySet[Template]:
    """Return the templates of the business in scope, newest first."""
    rows: QuerySet[Template] = Template.objects.select_related("account").order_by("-id")
    return rows


def list_sendable(account: WhatsAppAccount) -> QuerySet[Template]:
    """Return what this account may send now, by name and language."""
    rows: QuerySet[Template] = Template.objects.filter(
        account=account, status=Template.Status.APPROVED
    )
    return rows.order_by("name", "language")


def get_sendable(account: WhatsAppAccount, name: str, language: str) -> Template:
    """Return a template that may be sent now.

    Meta falls back to no other language, nor do we. Raises TemplateNotApproved or TemplatePaused.
    """
    template: Template | None = Template.objects.filter(
        account=account, name=name, language=canonical_language(language)
    ).first()
    if template is None:
        raise TemplateNotApproved(
            "The WhatsApp account has no such template in this language.",
            attr="template",
            extra={"name": name, "language": language},
        )
    require_sendable(template)
    return template


def get_template(id_: Any) -> Template:
    """Return a template of the business in scope; raise NotFound."""
    template = list_templates().filter(pk=id_).first()
    if template is None:
        raise NotFound("No such template.")
    return template


def find_refusal(template: Template) -> type[Conflict] | None:
    """Return the kind of refusal a send of this template would meet, None when it may be sent."""
    if template.is_sendable:
        return None
    return TemplatePaused if template.status in STOPPED else TemplateNotApproved


def require_sendable(template: Template) -> None:
    """Raise TemplateNotApproved or TemplatePaused unless the template may be sent now."""
    if refusal := find_refusal(template):
        raise refusal(
            f"The template cannot be sent: {template.get_status_display().lower()}.",
            attr="template",
            extra={"status": template.status},
        )


def canonical_language(language: str) -> str:
    """Return a language code as Meta stores it: webhooks say `en-US` where it means `en_US`."""
    return language.strip().replace("-", "_")
