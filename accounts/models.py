"""Businesses, people, keys and the WhatsApp accounts they connect."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone

from accounts.tenancy import TenantModel
from config.lib.crypto import EncryptedTextField
from config.lib.ids import new_id


class Business(models.Model):
    """A company that uses Switchboard: the tenant every other row belongs to."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        CLOSED = "closed", "Closed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.ACTIVE)
    region = models.CharField(
        "country",
        max_length=2,
        default="ES",
        help_text="Two-letter country. Phone numbers written without a country code are read as "
        "numbers of this country.",
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    resend_unknown_utility = models.BooleanField(
        "resend utility and authentication messages whose outcome is unknown",
        default=True,
        help_text="When Meta never answered and no status came within the reconciliation window, "
        "queue the message once more.",
    )
    resend_unknown_marketing = models.BooleanField(
        "resend marketing messages whose outcome is unknown", default=False
    )
    reconcile_after_seconds = models.PositiveIntegerField(
        "reconciliation window",
        default=900,
        validators=[MinValueValidator(60)],
        help_text="Seconds of silence, while later messages get statuses, after which a message "
        "with unknown outcome counts as not accepted.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "businesses"

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE


class UserManager(BaseUserManager["User"]):
    """Create users by e-mail."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user who signs in with this e-mail, in lower case."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a platform admin: staff of every business."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def find(self, email: str) -> User | None:
        """Return the user with this e-mail, in the spelling failed sign-ins are counted by.

        `iexact` would find more: PostgreSQL holds a dotless i for an i.
        """
        return self.filter(email=email.strip().lower()).first()

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user with this e-mail; raise `User.DoesNotExist`."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail. `is_superuser` is the role `platform_admin`."""

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("may open the admin", default=True)
    tokens_valid_from = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Access tokens issued earlier are refused: set when the user signs out "
        "everywhere or loses rights.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    _password: str | None  # Django's, between `set_password` and `save`

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_in_any_case"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store; a new password ends the tokens of the old one, whoever sets it.

        Django keeps `_password` from `set_password` until it is stored, and leaves it out where it
        only hashes the same password anew.
        """
        fields = kwargs.get("update_fields")
        is_stored = fields is None or "password" in fields
        if self._password is not None and is_stored and not self._state.adding:
            self.tokens_valid_from = timezone.now()
            if fields is not None:
                kwargs["update_fields"] = {*fields, "tokens_valid_from"}
        super().save(*args, **kwargs)

    @property
    def is_platform_admin(self) -> bool:
        return self.is_superuser

    def get_full_name(self) -> str:
        """Return the name pages greet the user by; empty when none is known."""
        return self.name


class Role(models.TextChoices):
    """Roles inside one business, highest first; `platform_admin` is a property of the user."""

    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    AGENT = "agent", "Agent"
    ANALYST = "analyst", "Analyst"
    AUDITOR = "auditor", "Auditor"


class Membership(models.Model):
    """A user's place in a business."""

    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "member"
        constraints = [
            models.UniqueConstraint(fields=["business", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class ApiKey(TenantModel):
    """A machine's key: shown once, kept as a hash, limited to permissions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    permissions = ArrayField(models.CharField(max_length=40), default=list)
    networks = ArrayField(
        models.CharField(max_length=49),
        default=list,
        db_default=[],
        blank=True,
        help_text="Addresses it may be used from, as networks; empty: from anywhere.",
    )
    # A key holds no more than its maker does; None made it: the installation itself.
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        verbose_name = "API key"
        indexes = [models.Index(fields=["business", "-id"], name="api_key_list")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotencyRecord(models.Model):
    """The first answer to a request that carried an `Idempotency-Key`, kept for 24 hours."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="+", null=True)
    actor = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["business", "actor", "key"],
                name="idempotency_key_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_expiry")]

    def __str__(self) -> str:
        return f"{self.actor}: {self.key}"


class WhatsAppAccount(TenantModel):
    """A WhatsApp Business account (WABA) and the token that speaks for it.

    The messaging limit belongs to the Meta portfolio and is shared by all its numbers
    (shared by accounts with the same `portfolio_id`).
    """

    class TokenHealth(models.TextChoices):
        UNKNOWN = "unknown", "Not checked yet"
        VALID = "valid", "Valid"
        INVALID = "invalid", "Refused by Meta"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    waba_id = models.CharField("WhatsApp Business account id", max_length=32, unique=True)
    portfolio_id = models.CharField("Meta business portfolio id", max_length=32, blank=True)
    access_token = EncryptedTextField(blank=True)
    token_health = models.CharField(
        max_length=8, choices=TokenHealth, default=TokenHealth.UNKNOWN, editable=False
    )
    token_checked_at = models.DateTimeField(null=True, editable=False)
    messaging_limit = models.CharField(
        max_length=16,
        default="TIER_250",
        editable=False,
        help_text="People who may be written to outside a service window in 24 hours, as Meta "
        "names the level (TIER_250 … TIER_UNLIMITED).",
    )
    restricted_at = models.DateTimeField(null=True, editable=False)
    restriction = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        verbose_name = "WhatsApp account"
        indexes = [models.Index(fields=["business", "-id"], name="waba_list")]

    def __str__(self) -> str:
        return self.name


from accounts.models_rights import Grant as Grant  # noqa: E402  # refer to the models above
from accounts.models_rights import Invitation as Invitation  # noqa: E402
from accounts.models_rights import SignIn as SignIn  # noqa: E402
from accounts.models_second_factor import Authenticator as Authenticator  # noqa: E402
from accounts.models_second_factor import RecoveryCode as RecoveryCode  # noqa: E402
from accounts.models_security import Approval as Approval  # noqa: E402
from accounts.models_security import SecurityPolicy as SecurityPolicy  # noqa: E402
