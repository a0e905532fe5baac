"""What the lists can be narrowed by."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters

from accounts import invitations
from accounts.models import ApiKey, Business, Invitation, Membership, Role
from config.lib.api.filters import StrictFilterSet


class BusinessFilter(StrictFilterSet):
    """Businesses by status."""

    status = filters.ChoiceFilter(choices=Business.Status.choices)

    class Meta:
        model = Business
        fields = ("status",)


class ApiKeyFilter(StrictFilterSet):
    """Keys that were revoked, or were not."""

    revoked = filters.BooleanFilter(method="by_revoked")

    class Meta:
        model = ApiKey
        fields = ("revoked",)

    def by_revoked(self, rows: QuerySet[Any], _: str, revoked: bool) -> QuerySet[Any]:
        """Keep revoked keys, or those that were not."""
        return rows.filter(revoked_at__isnull=not revoked)


class InvitationFilter(StrictFilterSet):
    """Invitations by what became of them."""

    status = filters.ChoiceFilter(
        choices=[*Invitation.Status.choices, (invitations.EXPIRED, "Expired")], method="by_status"
    )

    class Meta:
        model = Invitation
        fields = ("status",)

    def by_status(self, rows: QuerySet[Invitation], _: str, status: str) -> QuerySet[Invitation]:
        """Keep those that are in this state now."""
        return invitations.in_state(rows, status, timezone.now())


class MemberFilter(StrictFilterSet):
    """Members by role and e-mail."""

    role = filters.ChoiceFilter(choices=Role.choices)
    email = filters.CharFilter(field_name="user__email", lookup_expr="iexact")

    class Meta:
        model = Membership
        fields = ("role", "email")
