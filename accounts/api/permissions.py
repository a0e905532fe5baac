"""Permissions: who holds what and why, and changing it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import grants, holdings, members, objects, roles
from accounts.access import Access
from accounts.api.asking import caller_of, valid
from accounts.api.serializers import PERMISSION_NAMES
from accounts.holdings import Holding
from accounts.models import Membership, Role
from accounts.objects import Target
from config.lib.api.fields import Instant
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
    """One object of the business: a `sender`, a `campaign` or a `contact_list`, by its id."""

    type = serializers.CharField(max_length=40)
    id = serializers.CharField(max_length=64)


class ReplaceInput(serializers.Serializer[Any]):
    """What a member shall hold: a role, and permissions beside it.

    With `object` the permissions are for this one, with `expires_at` they end by themselves.
    """

    role = serializers.ChoiceField(Role.choices, required=False)
    permissions = PermissionList(required=False)
    object = ObjectInput(required=False)
    expires_at = Instant(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require something to do; a role is for the whole business and stays."""
        if "role" not in attrs and "permissions" not in attrs:
            raise serializers.ValidationError(
                {"role": "Give a role or permissions."}, code="required"
            )
        about = [name for name in ("object", "expires_at") if attrs.get(name) is not None]
        if about and "permissions" not in attrs:
            raise serializers.ValidationError(
                {about[0]: "Only permissions beside the role have one."}, code="without_permissions"
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


class ObjectOutput(serializers.Serializer[Any]):
    """One object a permission was granted for."""

    type = serializers.CharField()
    id = serializers.CharField()


class GrantOutput(serializers.Serializer[Any]):
    """A permission granted beside the role; `object` is null for the whole business."""

    permission = serializers.CharField()
    object = ObjectOutput(allow_null=True)
    expires_at = Instant(allow_null=True)
    given_by = serializers.IntegerField(allow_null=True)
    given_at = Instant()


class HoldingOutput(serializers.Serializer[Any]):
    """What a member holds and where each permission comes from.

    `permissions` are held for the whole business; `sources` and `because` also name those held
    for single objects.
    """

    user = serializers.IntegerField()
    role = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())
    sources = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    because = serializers.DictField(child=serializers.CharField())
    grants = GrantOutput(many=True)


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
        if "role" in given:
            members.change_role(
                membership=membership, role=given["role"], by=caller, now=timezone.now()
            )
        if "permissions" in given:
            grants.give(membership=membership, by=caller, **_about(given))
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
        """Replace what a member holds; permissions left out are taken back.

        With `object`, what they hold for this one; without, all that was granted beside the role.
        """
        given = valid(ReplaceInput, request)
        membership, caller = members.get_member(user_id), caller_of(request)
        if "role" in given:
            members.change_role(
                membership=membership, role=given["role"], by=caller, now=timezone.now()
            )
        if "object" not in given:
            grants.take_for_objects(membership=membership, by=caller, now=timezone.now())
        grants.put(membership=membership, by=caller, **_about(given))
        return _holding(user_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, user_id: int) -> Response:
        """Revoke everything the member holds here: they leave the business."""
        membership, caller = members.get_member(user_id), caller_of(request)
        members.remove(membership=membership, by=caller, now=timezone.now())
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
        is_own = user_id is None or (caller.user is not None and caller.user.pk == user_id)
        if not is_own and not caller.allows("permissions.view"):
            raise NotAllowed("This needs the permission permissions.view.")
        target = objects.get_target(**given["object"]) if "object" in given else None
        if target is not None and permission not in target.kind.permissions:
            target = None
        if is_own and (caller.user is None or caller.business is None):
            return Response(_answer_of_key(caller, permission))
        user = caller.user if is_own else members.get_member(user_id or 0).user
        held = (
            holdings.holding(user, caller.business)
            if user and caller.business
            else holdings.NOTHING
        )
        return Response(_answer(held, permission, target))


def _answer_of_key(caller: Access, permission: str) -> dict[str, object]:
    if caller.allows(permission):
        return {"allowed": True, "because": "api_key"}
    given = caller.api_key.permissions if caller.api_key else ()
    if permission in given:
        return {"allowed": False, "because": "not held: the maker of this API key lost it"}
    return {"allowed": False, "because": "not held: this API key was not given it"}


def _answer(held: Holding, permission: str, target: Target | None) -> dict[str, object]:
    allowed = permission in held.permissions
    sources = held.sources_of(permission, target)
    if allowed or (target is not None and sources):
        mine = sources if target else [one for one in sources if " for " not in one]
        return {"allowed": True, "because": ", ".join(mine)}
    if sources and target is None:
        return {"allowed": False, "because": f"only {', '.join(sources)}: name the object"}
    return {"allowed": False, "because": f"not held: {_lacking(held, permission)}"}


def _lacking(held: Holding, permission: str) -> str:
    if permission in roles.PLATFORM_ONLY:
        return "only platform admins hold it"
    if not held.role:
        return "no member, or not active"
    return f"role:{held.role} does not give it, and nobody granted it"


def _about(given: dict[str, Any]) -> dict[str, Any]:
    """Return what is granted, for what and until when."""
    return {
        "permissions": given.get("permissions", ()),
        "target": objects.get_target(**given["object"]) if "object" in given else None,
        "expires_at": given["expires_at"],
        "now": timezone.now(),
    }


def _assign(user_id: int, role: str, caller: Access) -> dict[str, object]:
    try:
        membership = members.get_member(user_id)
        members.change_role(membership=membership, role=role, by=caller, now=timezone.now())
    except ProjectError as error:
        return {"user": user_id, "done": False, "code": error.code, "detail": error.detail}
    return {"user": user_id, "done": True, "code": None, "detail": None}


def _holding(user_id: int) -> Response:
    membership: Membership = members.get_member(user_id)
    found = holdings.of_membership(membership)
    body = {
        "user": user_id,
        "role": found.role,
        "permissions": sorted(found.permissions),
        "sources": found.sources,
        "because": {name: ", ".join(why) for name, why in found.sources.items()},
        "grants": [
            {
                "permission": one.permission,
                "object": {"type": one.kind, "id": one.object_id} if one.kind else None,
                "expires_at": one.expires_at,
                "given_by": one.given_by,
                "given_at": one.given_at,
            }
            for one in found.grants
        ],
    }
    return Response(HoldingOutput(body).data)
