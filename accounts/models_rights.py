"""Rows about rights: what was granted beside a role, where somebody is signed in, invitations."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower, Now
from guardian.managers import UserObjectPermissionManager
from guardian.models import UserObjectPermissionAbstract

from accounts.tenancy import TenantManager, TenantModel
from config.lib.ids import new_id

IN_FORCE = Q(expires_at=None) | Q(expires_at__gt=Now())


class GrantManager(TenantManager["Grant"], UserObjectPermissionManager):
    """Give the grants in force in the business in scope: what guardian's functions go by."""

    def get_queryset(self) -> QuerySet[Grant]:
        """Leave out those that have ended."""
        return super().get_queryset().filter(IN_FORCE)


class Grant(TenantModel, UserObjectPermissionAbstract):
    """A permission given beside the role: guardian's row, with its business and its end.

    The object is the business itself, or one sender, campaign or contact list of it.
    """

    expires_at = models.DateTimeField(null=True, blank=True)
    given_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[Any] = GrantManager()

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["user", "permission", "content_type", "object_pk"], name="grant_once"
            ),
        ]
        indexes = [
            models.Index(fields=["business", "user"], name="grant_of_member"),
            models.Index(fields=["expires_at"], name="grant_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.permission_id} on {self.object_pk} for {self.user_id}"


class SignIn(models.Model):
    """One place where a person is signed in: a browser's session, or a family of tokens."""

    class Door(models.TextChoices):
        ADMIN = "admin", "Browser"
        API = "api", "Program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="sign_ins")
    door = models.CharField(max_length=8, choices=Door)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField("program", max_length=200, blank=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=24, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-id"], name="sign_in_list"),
            models.Index(fields=["seen_at"], name="sign_in_age"),
        ]

    def __str__(self) -> str:
        return f"{self.get_door_display()} from {self.address or 'an unknown address'}"


class Invitation(TenantModel):
    """Somebody was asked to join a business and has not answered, or has."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        REVOKED = "revoked", "Taken back"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField("e-mail", max_length=254)
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=12)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    # Stands in the link; another one makes the old link worthless.
    nonce = models.CharField(max_length=32, editable=False)
    invited_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True, editable=False)
    # Until then one worker has it in hand, by the clock of the database.
    mail_claimed_until = models.DateTimeField(null=True, editable=False)
    mail_failures = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    answered_at = models.DateTimeField(null=True, editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "business",
                name="invitation_pending_once",
                condition=Q(status="pending"),
            ),
        ]
        indexes = [
            models.Index(fields=["business", "-id"], name="invitation_list"),
            models.Index(Lower("email"), name="invitation_by_email"),
        ]

    def __str__(self) -> str:
        return self.email
