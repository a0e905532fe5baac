"""A business with one row of everything a business can have; names start with its own word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from django.apps import apps
from django.core.files.base import ContentFile
from django.db.models import Model
from django.utils import timezone

from accounts import grants, objects, tenancy, tokens
from accounts.models import (
    ApiKey,
    Approval,
    Business,
    Invitation,
    Role,
    SecurityPolicy,
    User,
    WhatsAppAccount,
)
from accounts.tenancy import TenantModel
from analytics.models import FailureHour, MessageHour
from compliance import audit
from compliance.audit import chain
from compliance.models import AuditEntry, AuditLink, AuditPending, ContactPolicy, OptOutWord
from compliance.privacy.models import (
    ErasureRecord,
    PrivacyBatch,
    PrivacyRequest,
    RetentionRule,
    RetentionRun,
    SuppressedPerson,
)
from config.lib import storage
from config.lib.ids import new_id
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts.models import Contact, ContactList, ContactTag, ListEntry, Tag
from messaging.media.models import MediaFile
from messaging.messages.models import Message, MessageEvent
from messaging.senders.models import Sender, SenderEvent
from messaging.webhooks.models import DeadLetter, FormerAddress
from templates_mgmt.models import Template
from tests.factories.accounts import (
    ApiKeyFactory,
    BusinessFactory,
    MembershipFactory,
    UserFactory,
    WhatsAppAccountFactory,
    full_access,
)
from tests.factories.compliance import opt_in
from tests.factories.contacts import uploaded
from tests.factories.messaging import (
    ContactFactory,
    ConversationFactory,
    MessageFactory,
    SenderFactory,
)
from tests.factories.templates import TemplateFactory

# Models of a business beside the tenant models.
OTHERS: tuple[type[Model], ...] = (AuditEntry, AuditLink, AuditPending, DeadLetter)


@dataclass(frozen=True)
class Tenant:
    """A full business. `word` and `number` stand in its rows and nowhere else."""

    word: str
    number: int
    business: Business
    users: dict[Role, User]
    account: WhatsAppAccount
    api_key: ApiKey
    invitation: Invitation
    sender: Sender
    template: Template
    contact: Contact
    tag: Tag
    contact_list: ContactList
    contact_import: Any
    campaign: Campaign
    message: Message
    media: MediaFile

    @property
    def privacy_request(self) -> PrivacyRequest:
        """Return the one request about somebody's data."""
        found: PrivacyRequest = PrivacyRequest.across_businesses.get(business=self.business)
        return found

    @property
    def marks(self) -> set[str]:
        """Return what gives its rows away in any answer."""
        found = {self.word, str(self.number), self.contact.phone, self.sender.phone_number_id}
        for model in tenant_models():
            rows = model._base_manager.filter(business=self.business)
            found |= {str(pk) for pk in rows.values_list("pk", flat=True) if len(str(pk)) == 36}
        return found

    def snapshot(self) -> dict[str, list[Any]]:
        """Return all its rows as they stand."""
        return {
            model.__name__: list(
                model._base_manager.filter(business=self.business).order_by("pk").values()
            )
            for model in tenant_models()
        }


def tenant_models() -> list[Any]:
    """Return every model whose rows belong to one business."""
    return [
        model for model in apps.get_models() if issubclass(model, TenantModel) or model in OTHERS
    ]


def make_tenant(word: str, number: int, phone: str) -> Tenant:
    """Write a business with one row of everything."""
    business = BusinessFactory.create(name=f"{word} Shop", slug=word.lower())
    users = {}
    for role in Role:
        users[role] = UserFactory.create(
            email=f"{role}@{word.lower()}.example", name=f"{word} {role}"
        )
        MembershipFactory.create(business=business, user=users[role], role=role)
        tokens.start_family(users[role], now=timezone.now())
    account = WhatsAppAccountFactory.create(business=business, name=f"{word} account")
    sender = SenderFactory.create(
        business=business, account=account, verified_name=word, is_default=True
    )
    template = TemplateFactory.create(account=account, name=f"{word.lower()}_offer")
    contact = ContactFactory.create(business=business, name=word, phone=phone)
    tag = _of(business, Tag, name=f"{word} tag")
    contact_list = _of(business, ContactList, name=f"{word} list")
    campaign = _of(business, Campaign, name=word, sender=sender, template=template)
    message = _message(business, sender, contact, campaign, template, word)
    tenant = Tenant(
        word=word,
        number=number,
        business=business,
        users=users,
        account=account,
        api_key=ApiKeyFactory.create(business=business, name=f"{word} key"),
        invitation=_invitation(business, word),
        sender=sender,
        template=template,
        contact=contact,
        tag=tag,
        contact_list=contact_list,
        contact_import=uploaded(
            business, f"phone,name\n12,{word}\n".encode(), filename=f"{word}.csv"
        ),
        campaign=campaign,
        message=message,
        media=_of(business, MediaFile, filename=word, status="stored", message_id=message.pk),
    )
    _more(tenant)
    return tenant


def give(
    tenant: Tenant, role: Role, *permissions: str, object_: tuple[str, Any] | None = None
) -> None:
    """Grant permissions to the member of this role beside it, for one object when it is named."""
    target = objects.get_target(type=object_[0], id=str(object_[1])) if object_ else None
    grants.give(
        membership=tenant.users[role].memberships.get(),
        permissions=permissions,
        by=full_access(tenant.business),
        now=timezone.now(),
        target=target,
    )


def _of(business: Business, model: Any, **values: Any) -> Any:
    return model.across_businesses.create(business=business, **values)


def _invitation(business: Business, word: str) -> Invitation:
    now = timezone.now()
    made: Invitation = _of(
        business,
        Invitation,
        email=f"guest@{word.lower()}.example",
        role=Role.AGENT,
        nonce=word,
        created_at=now,
        expires_at=now + timedelta(days=7),
    )
    return made


def _message(
    business: Business,
    sender: Sender,
    contact: Contact,
    campaign: Campaign,
    template: Template,
    word: str,
) -> Message:
    message: Message = MessageFactory.create(
        business=business,
        sender=sender,
        contact=contact,
        campaign=campaign,
        template=template,
        content={"body": word},
        status="failed",
        failed_at=timezone.now(),
        error_code=131000,
        error_title=word,
    )
    CampaignRecipient.objects.create(
        campaign=campaign, business_id=business.pk, contact=contact, message_id=message.pk
    )
    return message


def _more(tenant: Tenant) -> None:
    """Write what hangs on the rest."""
    business, word, sender = tenant.business, tenant.word, tenant.sender
    now = timezone.now()
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    assert tenant.contact.phone_key
    opt_in(business, tenant.contact.phone_key)
    _of(business, ContactTag, tag=tenant.tag, contact=tenant.contact)
    _of(business, ListEntry, list=tenant.contact_list, contact=tenant.contact)
    _of(business, OptOutWord, word=word)
    _of(business, ContactPolicy, cap_messages=900)
    _of(business, SenderEvent, sender=sender, kind="warning", detail=word)
    _of(business, FormerAddress, address=word, contact=tenant.contact, changed_at=now)
    _of(business, MessageEvent, message=tenant.message, status="failed", source="webhook",
        occurred_at=now, error={"title": word})  # fmt: skip
    for metric in MessageHour.Metric:
        _of(business, MessageHour, hour=hour, sender_id=sender.pk, template_id=tenant.template.pk,
            category="marketing", metric=metric, count=tenant.number)  # fmt: skip
    _of(business, FailureHour, hour=hour, sender_id=sender.pk, status="failed", error_code=131026,
        error_reason="undeliverable", count=tenant.number)  # fmt: skip
    _of(business, SecurityPolicy)
    _of(business, Approval, kind="campaign", subject_type="campaign", title=word, requester=word,
        subject_id=str(tenant.campaign.pk), requested_by=tenant.users[Role.MANAGER],
        requested_at=now, expires_at=now + timedelta(days=7))  # fmt: skip
    ConversationFactory.create(business=business, sender=sender, contact=tenant.contact)
    with tenancy.scope(business):
        give(tenant, Role.OWNER, "senders.view", object_=("sender", sender.pk))
    DeadLetter.objects.create(
        business=business, event_id=new_id(), reason=DeadLetter.Reason.ERROR, detail=word
    )
    with tenancy.scope(business):
        audit.record(action="business.changed", resource="business", actor_name=word)
        chain.seal(business.pk, now=now)
        audit.record(action="business.changed", resource="business", actor_name=word)
    _privacy(tenant)


def _privacy(tenant: Tenant) -> None:
    """Write what privacy keeps."""
    business, word, now = tenant.business, tenant.word, timezone.now()
    batch = _of(business, PrivacyBatch, source=word, size=1)
    copy = storage.media().save(f"privacy/{word}.zip", ContentFile(word.encode()))
    request = _of(business, PrivacyRequest, kind="access", label=word, batch=batch, status="done",
        received_at=now, due_at=now + timedelta(days=30), file=copy,
        expires_at=now + timedelta(days=7))  # fmt: skip
    _of(business, SuppressedPerson, key_id=new_id(), digest=word, erased_at=now)
    _of(business, ErasureRecord, request_id=request.pk, key_id=new_id(), erased_at=now)
    _of(business, RetentionRule, kind="messages", days=tenant.number % 1000)
    _of(business, RetentionRun, removed={word: tenant.number})


def missing_models(tenant: Tenant) -> list[str]:
    """Return the models of which the tenant has no row."""
    found = tenant.snapshot()
    return [name for name, rows in found.items() if not rows]
