"""Second factors: an authenticator app's secret, and codes for the day it is lost."""

from __future__ import annotations

from django.db import models
from django_otp.models import Device, ThrottlingMixin

from config.lib.crypto import EncryptedTextField


class Authenticator(ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp has no types
    """An app that shows codes by the clock (TOTP, RFC 6238); its secret is encrypted at rest.

    One that is not confirmed waits for its first code and opens nothing. `last_t` is the step of
    the last code that was taken: it, and those before it, are never taken again.
    """

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    key = EncryptedTextField(help_text="The secret in base32, as apps read it.")
    last_t = models.BigIntegerField(default=-1)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta(Device.Meta):  # type: ignore[misc]  # same
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["user", "confirmed"], name="authenticator_one_each"),
        ]

    def __str__(self) -> str:
        return f"Authenticator of user {self.user_id}"

    def get_throttle_factor(self) -> int:
        """Wait 1, 2, 4, 8 … seconds after each wrong code in a row."""
        return 1


class RecoveryCode(models.Model):
    """A code that stands in for the app once; kept as a hash under the app's own secret."""

    user = models.ForeignKey(
        "accounts.User", on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once"),
        ]

    def __str__(self) -> str:
        return f"Recovery code of user {self.user_id}"
