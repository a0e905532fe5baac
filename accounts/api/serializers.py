"""What the accounts routes take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts import networks as known_networks
from accounts import roles
from accounts.models import ApiKey, Business, Membership, Role, User
from config.lib.api.fields import Instant

PERMISSION_NAMES = sorted(roles.PERMISSIONS)


class Credentials(serializers.Serializer[Any]):
    """What a person signs in with."""

    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)
    otp = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        default="",
        write_only=True,
        help_text="A code of the authenticator app, or a recovery code, of who has a second "
        "factor: 401 `second_factor_required` without, `second_factor_invalid` for a wrong one.",
    )


class RefreshInput(serializers.Serializer[Any]):
    """The refresh token to use up or to end."""

    refresh = serializers.CharField(max_length=4096)


class TokenPair(serializers.Serializer[Any]):
    """What a client holds after signing in."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)


class UserOutput(serializers.ModelSerializer[User]):
    """A person."""

    class Meta:
        model = User
        fields = ("id", "email", "name")
        read_only_fields = fields


class HeldBusiness(serializers.Serializer[Any]):
    """A business a user may act in, and as what."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    status = serializers.ChoiceField(Business.Status.choices, read_only=True)
    role = serializers.CharField(read_only=True)
    permissions = serializers.ListField(child=serializers.CharField(), read_only=True)


class Me(serializers.Serializer[Any]):
    """Who the caller is. `user` is null for an API key, `business` unless one was named."""

    user = UserOutput(allow_null=True, read_only=True)
    api_key = serializers.UUIDField(allow_null=True, read_only=True)
    platform_admin = serializers.BooleanField(read_only=True)
    business = serializers.UUIDField(allow_null=True, read_only=True)
    permissions = serializers.ListField(child=serializers.CharField(), read_only=True)
    businesses = HeldBusiness(many=True, read_only=True)


class BusinessOutput(serializers.ModelSerializer[Business]):
    """A business and its settings."""

    created_at = Instant(read_only=True)

    class Meta:
        model = Business
        fields = (
            "id",
            "name",
            "slug",
            "status",
            "region",
            "time_zone",
            "resend_unknown_utility",
            "resend_unknown_marketing",
            "reconcile_after_seconds",
            "created_at",
        )
        read_only_fields = fields


class BusinessInput(serializers.Serializer[Any]):
    """A new business; `owner_email` names an existing user."""

    name = serializers.CharField(max_length=120)
    region = serializers.RegexField(r"^[A-Z]{2}$", default="ES")
    time_zone = serializers.CharField(max_length=64, default="UTC")
    owner_email = serializers.EmailField(max_length=254, required=False)


class BusinessPatch(serializers.Serializer[Any]):
    """Settings to change; what is left out stays."""

    name = serializers.CharField(max_length=120, required=False)
    region = serializers.RegexField(r"^[A-Z]{2}$", required=False)
    time_zone = serializers.CharField(max_length=64, required=False)
    resend_unknown_utility = serializers.BooleanField(required=False)
    resend_unknown_marketing = serializers.BooleanField(required=False)
    reconcile_after_seconds = serializers.IntegerField(
        min_value=60, max_value=7 * 24 * 3600, required=False
    )
    status = serializers.ChoiceField(
        Business.Status.choices, required=False, help_text="Platform admins only."
    )


class ApiKeyOutput(serializers.ModelSerializer[ApiKey]):
    """An API key, without its secret."""

    created_by: serializers.IntegerField = serializers.IntegerField(
        source="created_by_id", allow_null=True, read_only=True
    )
    created_at = Instant(read_only=True)
    expires_at = Instant(read_only=True, allow_null=True)
    revoked_at = Instant(read_only=True, allow_null=True)
    last_used_at = Instant(read_only=True, allow_null=True)

    class Meta:
        model = ApiKey
        fields = (
            "id",
            "name",
            "prefix",
            "permissions",
            "networks",
            "created_by",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        )
        read_only_fields = fields


class IssuedApiKey(ApiKeyOutput):
    """A new API key with its secret, which is shown this once."""

    key = serializers.SerializerMethodField(help_text="The whole key. It is not shown again.")

    class Meta:
        model = ApiKey
        fields = (*ApiKeyOutput.Meta.fields, "key")
        read_only_fields = fields

    def get_key(self, _: ApiKey) -> str:
        """Return the secret the view was handed."""
        return str(self.context["secret"])


class ApiKeyInput(serializers.Serializer[Any]):
    """A key to issue, with no more permissions than its issuer has."""

    name = serializers.CharField(max_length=80)
    permissions = serializers.ListField(
        child=serializers.ChoiceField(PERMISSION_NAMES),
        allow_empty=False,
        max_length=len(PERMISSION_NAMES),
    )
    expires_at = Instant(required=False, allow_null=True, default=None)
    networks = serializers.ListField(
        child=serializers.CharField(max_length=49),
        required=False,
        default=list,
        max_length=known_networks.MOST,
        help_text="Networks (CIDR) or addresses it may be used from; empty: from anywhere.",
    )


class MemberOutput(serializers.ModelSerializer[Membership]):
    """A member of the business. `id` is the user's."""

    id: serializers.IntegerField = serializers.IntegerField(source="user_id", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    is_active = serializers.BooleanField(source="user.is_active", read_only=True)
    last_login: Instant = Instant(source="user.last_login", read_only=True, allow_null=True)
    created_at = Instant(read_only=True)

    class Meta:
        model = Membership
        fields = (
            "id",
            "email",
            "name",
            "role",
            "is_active",
            "last_login",
            "created_at",
        )
        read_only_fields = fields


class RoleInput(serializers.Serializer[Any]):
    """The role to give."""

    role = serializers.ChoiceField(Role.choices)
