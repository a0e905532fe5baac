"""Permissions: who holds what and why, and changing it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import grants, members, roles
from accounts.access import Access
from accounts.api.asking import caller_of, valid
from accounts.api.serializers import PERMISSION_NAMES
from accounts.models import Membership, Role
from config.lib.api.permissions import SIGNED_IN
from config.lib.api.views import ApiView
from config.lib.errors import NotAllowed, ProjectError

MOST_USERS = 200


class UserId(serializers.IntegerField):
    """The id of a user."""

    def __init__(self, *, required: bool = True) -> None:
        """Take only what PostgreSQL's bigint holds."""
        super().__init__(min_value=1, max_value=2**63 - 1, required=required)


class PermissionList(serializers.ListField):
    """Names of permissions."""

    child = serializers.ChoiceField(PERMISSION_NAMES)

    def __init__(self, **kwargs: Any) -> None:
        """Take what ListField takes."""
        super().__init__(max_length=len(PERMISSION_NAMES), **kwargs)


class ObjectInput(serializers.Serializer[Any]):
    """One object a permission is about."""

    type = serializers.CharField(max_length=40)
    id = serializers.CharField(max_length=64)


class ReplaceInput(serializers.Serializer[Any]):
    """What a member shall hold: a role, and permissions beside it."""

    role = serializers.ChoiceField(Role.choices, required=False)
    permissions = PermissionList(required=False)
    object = ObjectInput(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require something to do, and say what is not there yet."""
        if "object" in attrs:
            raise serializers.ValidationError(
                {"object": "Permissions are granted for the whole business."}, code="unsupported"
            )
        if "role" not in attrs and "permissions" not in attrs:
            raise serializers.ValidationError(
                {"role": "Give a role or permissions."}, code="required"
            )
        return attrs


class GrantInput(ReplaceInput):
    """What to give to whom."""

    user = UserId()


class AssignInput(serializers.Serializer[Any]):
    """One role for several members."""

    users = serializers.ListField(child=UserId(), allow_empty=False, max_length=MOST_USERS)
    role = serializers.ChoiceField(Role.choices)


class CheckInput(serializers.Serializer[Any]):
    """The question: may this user (by default the caller) do this?"""

    user = UserId(required=False)
    permission = serializers.ChoiceField(PERMISSION_NAMES)
    object = ObjectInput(required=False)


class HoldingOutput(serializers.Serializer[Any]):
    """What a member holds and where each permission comes from."""

    user = serializers.IntegerField()
    role = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())
    sources = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class RoleOutput(serializers.Serializer[Any]):
    """A role and what it gives."""

    role = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())


class RolesOutput(serializers.Serializer[Any]):
    """The role matrix, highest role first, and each permission in a sentence."""

    roles = RoleOutput(many=True)
    permissions = serializers.DictField(child=serializers.CharField())


class AssignedOutput(serializers.Serializer[Any]):
    """What became of one user: done, or refused with the reason."""

    user = serializers.IntegerField()
    done = serializers.BooleanField()
    code = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)


class AssignmentOutput(serializers.Serializer[Any]):
    """What became of each user."""

    results = AssignedOutput(many=True)


class CheckOutput(serializers.Serializer[Any]):
    """The answer, and why."""

    allowed = serializers.BooleanField()
    because = serializers.CharField()


class Grants(ApiView):
    """Grants."""

    permission = "permissions.manage"

    @extend_schema(request=GrantInput, responses=HoldingOutput)
    def post(self, request: Request) -> Response:
        """Give a member a role, or permissions beside it."""
        given = valid(GrantInput, request)
        membership, caller = members.get_member(given["user"]), caller_of(request)
        with transaction.atomic():
            if "role" in given:
                members.change_role(membership=membership, role=given["role"], by=caller)
            if "permissions" in given:
                grants.give(membership=membership, permissions=given["permissions"], by=caller)
        return _holding(given["user"])


class MemberPermissions(ApiView):
    """The permissions of one member."""

    permissions: ClassVar[dict[str, str]] = {
        "GET": "permissions.view",
        "PUT": "permissions.manage",
        "DELETE": "permissions.manage",
    }

    @extend_schema(responses=HoldingOutput)
    def get(self, request: Request, user_id: int) -> Response:
        """Return a member's role, effective permissions and where each comes from."""
        return _holding(user_id)

    @extend_schema(request=ReplaceInput, responses=HoldingOutput)
    def put(self, request: Request, user_id: int) -> Response:
        """Replace what a member holds; permissions left out are taken back."""
        given = valid(ReplaceInput, request)
        membership, caller = members.get_member(user_id), caller_of(request)
        with transaction.atomic():
            if "role" in given:
                members.change_role(membership=membership, role=given["role"], by=caller)
            wanted = given.get("permissions", ())
            grants.put(membership=membership, permissions=wanted, by=caller)
        return _holding(user_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, user_id: int) -> Response:
        """Revoke everything the member holds here: they leave the business."""
        members.remove(membership=members.get_member(user_id), by=caller_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Roles(ApiView):
    """The role matrix."""

    permission = "permissions.view"

    @extend_schema(responses=RolesOutput)
    def get(self, request: Request) -> Response:
        """Return every role with its permissions, and every permission in a sentence."""
        matrix = [
            {"role": role, "permissions": sorted(held)} for role, held in roles.matrix().items()
        ]
        return Response({"roles": matrix, "permissions": roles.PERMISSIONS})


class Assign(ApiView):
    """One role for several members."""

    permission = "permissions.manage"

    @extend_schema(request=AssignInput, responses=AssignmentOutput)
    def post(self, request: Request) -> Response:
        """Give each of these members the role; refusals do not stop the others."""
        given, caller = valid(AssignInput, request), caller_of(request)
        users = dict.fromkeys(given["users"])
        return Response({"results": [_assign(user, given["role"], caller) for user in users]})


class Check(ApiView):
    """May someone do something."""

    permission = SIGNED_IN
    idempotent = False

    @extend_schema(request=CheckInput, responses=CheckOutput)
    def post(self, request: Request) -> Response:
        """Answer for the caller, or for another member with `permissions.view`."""
        given, caller = valid(CheckInput, request), caller_of(request)
        user_id, permission = given.get("user"), given["permission"]
        if user_id is None or (caller.user is not None and caller.user.pk == user_id):
            return Response(_own_answer(caller, permission))
        if not caller.allows("permissions.view"):
            raise NotAllowed("This needs the permission permissions.view.")
        holding = grants.of_membership(members.get_member(user_id))
        return Response(_answer(holding.sources.get(permission, [])))


def _own_answer(caller: Access, permission: str) -> dict[str, object]:
    if caller.user is None or caller.business is None:
        return _answer(["api_key"] if caller.allows(permission) else [])
    return _answer(grants.holding(caller.user, caller.business).sources.get(permission, []))


def _answer(sources: list[str]) -> dict[str, object]:
    return {"allowed": bool(sources), "because": ", ".join(sources) or "not held"}


def _assign(user_id: int, role: str, caller: Access) -> dict[str, object]:
    try:
        membership = members.get_member(user_id)
        members.change_role(membership=membership, role=role, by=caller)
    except ProjectError as error:
        return {"user": user_id, "done": False, "code": error.code, "detail": error.detail}
    return {"user": user_id, "done": True, "code": None, "detail": None}


def _holding(user_id: int) -> Response:
    membership: Membership = members.get_member(user_id)
    found = grants.of_membership(membership)
    return Response(
        {
            "user": user_id,
            "role": found.role,
            "permissions": sorted(found.permissions),
            "sources": found.sources,
        }
    )
