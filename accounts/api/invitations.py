"""Invitations: sent, taken back, sent again; and answered by whom they name."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import business_choice, invitations, lockout, tokens
from accounts.api.asking import caller_of, valid
from accounts.api.filters import InvitationFilter
from accounts.api.serializers import TokenPair
from accounts.models import Invitation, Role, User
from config.lib.api.fields import Instant
from config.lib.api.filters import require_known
from config.lib.api.permissions import PUBLIC, SIGNED_IN
from config.lib.api.throttles import LoginThrottle
from config.lib.api.views import ApiView, ApiViewSet
from config.lib.errors import NotAllowed, NotFound


class InvitationInput(serializers.Serializer[Any]):
    """Whom to ask, and to join as what."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(Role.choices)
    name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)


class InvitationOutput(serializers.ModelSerializer[Invitation]):
    """An invitation. `status` is pending, accepted, declined, revoked or expired."""

    status = serializers.SerializerMethodField()
    invited_by: serializers.IntegerField = serializers.IntegerField(
        source="invited_by_id", allow_null=True, read_only=True
    )
    created_at = Instant(read_only=True)
    expires_at = Instant(read_only=True)
    mailed_at = Instant(read_only=True, allow_null=True)
    answered_at = Instant(read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields = (
            "id",
            "email",
            "name",
            "role",
            "status",
            "invited_by",
            "created_at",
            "expires_at",
            "mailed_at",
            "answered_at",
        )
        read_only_fields = fields

    @extend_schema(responses=serializers.CharField)
    def get_status(self, row: Invitation) -> str:
        """Return the status, with one whose time is over called so."""
        return invitations.state_of(row, timezone.now())


class OwnInvitation(serializers.Serializer[Any]):
    """What somebody is invited to."""

    id = serializers.UUIDField()
    business = serializers.CharField(source="business.name")
    role = serializers.CharField()
    invited_by = serializers.CharField(allow_null=True)
    expires_at = Instant()


class JoinInput(serializers.Serializer[Any]):
    """What somebody without an account chooses; `token` stands in the link of the mail."""

    token = serializers.CharField(max_length=512)
    name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)


class Invitations(ListModelMixin, ApiViewSet):
    """Who was asked to join."""

    permissions: ClassVar[dict[str, str]] = {
        "GET": "users.view",
        "POST": "users.manage",
        "DELETE": "users.manage",
    }
    queryset = Invitation.objects.none()
    serializer_class = InvitationOutput
    filterset_class = InvitationFilter

    def get_queryset(self) -> QuerySet[Invitation]:
        """Return the invitations of the business."""
        return invitations.list_all()

    @extend_schema(request=InvitationInput, responses={201: InvitationOutput})
    def create(self, request: Request) -> Response:
        """Ask somebody to join; they get a mail and join once they accept.

        409 `already_member`, `already_invited`.
        """
        return created(request)

    @extend_schema(responses=InvitationOutput)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one invitation."""
        return Response(InvitationOutput(self._get(pk)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take an invitation back: its link ends. 409 `invitation_over`."""
        by, now = caller_of(request), timezone.now()
        invitations.revoke(invitation=self._get(pk), by=by, now=now)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=InvitationOutput)
    def resend(self, request: Request, pk: str) -> Response:
        """Send it again with a new link and another seven days. 409 `invitation_over`."""
        by, now = caller_of(request), timezone.now()
        sent = invitations.resend(invitation=self._get(pk), by=by, now=now)
        return Response(InvitationOutput(sent).data)

    def _get(self, pk: str) -> Invitation:
        id_ = business_choice.parse_id(pk)
        found = self.get_queryset().filter(pk=id_).first() if id_ else None
        if found is None:
            raise NotFound("No such invitation.")
        return found


class OwnInvitations(ApiView):
    """What the caller is invited to."""

    permission = SIGNED_IN
    needs_business = False

    @extend_schema(responses=OwnInvitation(many=True))
    def get(self, request: Request) -> Response:
        """List open invitations to the caller, in any business."""
        require_known(request, ())
        mine = invitations.list_mine(person_of(request), now=timezone.now())
        return Response(OwnInvitation(mine, many=True).data)


class Accept(ApiView):
    """Say yes."""

    permission = SIGNED_IN
    needs_business = False

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: str) -> Response:
        """Join the business. 403 `invitation_void`, 404, 409 `invitation_over`."""
        user, now = person_of(request), timezone.now()
        found = invitations.get_mine(user, business_choice.parse_id(pk), now=now)
        invitations.accept(invitation=found, user=user, now=now)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Decline(ApiView):
    """Say no."""

    permission = SIGNED_IN
    needs_business = False

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: str) -> Response:
        """Refuse; the inviter sees that it was declined."""
        user, now = person_of(request), timezone.now()
        found = invitations.get_mine(user, business_choice.parse_id(pk), now=now)
        invitations.decline(invitation=found, user=user, now=now)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Join(ApiView):
    """Join without an account."""

    permission = PUBLIC  # who has the link of the mail proved that the address is theirs
    idempotent = False
    needs_business = False
    authentication_classes = ()
    throttle_classes = (LoginThrottle,)

    @extend_schema(request=JoinInput, responses={201: TokenPair})
    def post(self, request: Request) -> Response:
        """Open an account with the password chosen, join, and sign in.

        409 `invitation_over`, or `sign_in_first` for somebody who has an account.
        """
        given, now = valid(JoinInput, request), timezone.now()
        joined = invitations.accept_new(now=now, **given)
        pair = tokens.start_family(
            joined.user,
            now=now,
            address=lockout.address(request._request),
            agent=request.headers.get("User-Agent", ""),
        )
        return Response(TokenPair(pair).data, status=status.HTTP_201_CREATED)


def created(request: Request) -> Response:
    """Invite as the body says."""
    given = valid(InvitationInput, request)
    made = invitations.invite(by=caller_of(request), now=timezone.now(), **given)
    return Response(InvitationOutput(made).data, status=status.HTTP_201_CREATED)


def person_of(request: Request) -> User:
    """Return the person who asks; a key is nobody."""
    user = caller_of(request).user
    if user is None:
        raise NotAllowed("An API key is no person.", code="person_required")
    return user
