"""Where people are signed in: one's own places, and those of members."""

from __future__ import annotations

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import business_choice, members, sign_ins
from accounts.api.asking import caller_of
from accounts.api.invitations import person_of
from accounts.models import SignIn, User
from config.lib.api.fields import Instant
from config.lib.api.filters import require_known
from config.lib.api.permissions import SIGNED_IN
from config.lib.api.views import ApiView
from config.lib.errors import NotFound


class SignInOutput(serializers.ModelSerializer[SignIn]):
    """A browser's session or a program's tokens. `current` is the one that asks."""

    kind = serializers.CharField(source="door", help_text="admin for a browser, api for tokens.")
    program = serializers.SerializerMethodField()
    created_at = Instant(read_only=True)
    seen_at = Instant(read_only=True)
    current = serializers.SerializerMethodField()

    class Meta:
        model = SignIn
        fields = ("id", "kind", "address", "program", "agent", "created_at", "seen_at", "current")
        read_only_fields = fields

    @extend_schema(responses=serializers.CharField)
    def get_program(self, row: SignIn) -> str:
        """Return browser and system as people call them."""
        return sign_ins.describe_agent(row.agent)

    @extend_schema(responses=serializers.BooleanField)
    def get_current(self, row: SignIn) -> bool:
        """Tell whether it is the one that asks."""
        return row.pk == caller_of(self.context["request"]).sign_in


class OwnSignIns(ApiView):
    """Where the caller is signed in."""

    permission = SIGNED_IN
    needs_business = False

    @extend_schema(responses=SignInOutput(many=True))
    def get(self, request: Request) -> Response:
        """List the places, the latest used first."""
        require_known(request, ())
        return _shown(person_of(request), request)

    @extend_schema(operation_id="auth_sign_ins_end_others", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Sign out everywhere but here."""
        caller = caller_of(request)
        user, now = person_of(request), timezone.now()
        sign_ins.end_all(user, now=now, reason="own_wish", by=caller, keep=caller.sign_in)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OwnSignIn(ApiView):
    """One place where the caller is signed in."""

    permission = SIGNED_IN
    needs_business = False

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Sign out there at once."""
        now = timezone.now()
        found = _get(person_of(request), pk)
        sign_ins.end(found, by=caller_of(request), now=now, reason="own_wish")
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberSignIns(ApiView):
    """Where a member is signed in."""

    permissions: ClassVar[dict[str, str]] = {"GET": "users.manage", "DELETE": "users.manage"}

    @extend_schema(responses=SignInOutput(many=True))
    def get(self, request: Request, user_id: int) -> Response:
        """List the places, the latest used first."""
        require_known(request, ())
        return _shown(members.get_member(user_id).user, request)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, user_id: int) -> Response:
        """Sign the member out everywhere; an owner only by an owner."""
        membership, caller = members.get_member(user_id), caller_of(request)
        sign_ins.require_may_end(membership, by=caller)
        keep = caller.sign_in if caller.user == membership.user else None
        now = timezone.now()
        sign_ins.end_all(membership.user, now=now, reason="by_admin", by=caller, keep=keep)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberSignIn(ApiView):
    """One place where a member is signed in."""

    permissions: ClassVar[dict[str, str]] = {"DELETE": "users.manage"}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Sign the member out there at once; an owner only by an owner."""
        id_, caller, now = business_choice.parse_id(pk), caller_of(request), timezone.now()
        membership = members.list_members().filter(user__sign_ins=id_).first() if id_ else None
        if membership is None:
            raise NotFound("No such sign-in, or it has ended.")
        sign_ins.require_may_end(membership, by=caller)
        sign_ins.end(_get(membership.user, pk), by=caller, now=now, reason="by_admin")
        return Response(status=status.HTTP_204_NO_CONTENT)


def _get(user: User, pk: str) -> SignIn:
    id_ = business_choice.parse_id(pk)
    if id_ is None:
        raise NotFound("No such sign-in, or it has ended.")
    return sign_ins.get_open(user, id_, now=timezone.now())


def _shown(user: User, request: Request) -> Response:
    rows = sign_ins.list_open(user, now=timezone.now())[:200]
    return Response(SignInOutput(rows, many=True, context={"request": request}).data)
