"""Requests to a second person: which wait, and deciding them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access, approvals, business_choice
from accounts.api.asking import caller_of, valid
from accounts.models import Approval
from accounts.models_security import ApprovalKind
from config.lib.api.fields import Instant
from config.lib.api.filters import StrictFilterSet
from config.lib.api.permissions import SIGNED_IN
from config.lib.api.views import ApiViewSet
from config.lib.errors import NotFound


class SummaryLine(serializers.Serializer[Any]):
    """One line of what is asked."""

    name = serializers.CharField()
    text = serializers.CharField()


class ApprovalOutput(serializers.ModelSerializer[Approval]):
    """A request to a second person. `summary` is what was asked, as it stood then."""

    status = serializers.SerializerMethodField()
    summary = serializers.SerializerMethodField()
    requested_by: serializers.IntegerField = serializers.IntegerField(
        source="requested_by_id", allow_null=True, read_only=True
    )
    decided_by: serializers.IntegerField = serializers.IntegerField(
        source="decided_by_id", allow_null=True, read_only=True
    )
    requested_at = Instant(read_only=True)
    expires_at = Instant(read_only=True)
    decided_at = Instant(read_only=True, allow_null=True)
    closed_at = Instant(read_only=True, allow_null=True)
    may_decide = serializers.SerializerMethodField(help_text="Whether the caller could decide it.")

    class Meta:
        model = Approval
        fields = (
            "id",
            "kind",
            "status",
            "title",
            "summary",
            "subject_type",
            "subject_id",
            "digest",
            "requested_by",
            "requester",
            "requested_at",
            "expires_at",
            "decided_by",
            "decider",
            "decided_at",
            "closed_at",
            "reason",
            "may_decide",
        )
        read_only_fields = fields

    @extend_schema(responses=serializers.ChoiceField(Approval.Status.choices))
    def get_status(self, row: Approval) -> str:
        """Return the status, expired ones called so."""
        return approvals.state_of(row, timezone.now())

    def get_summary(self, row: Approval) -> list[dict[str, str]]:
        """Return the lines."""
        return [{"name": name, "text": text} for name, text in row.summary]

    def get_may_decide(self, row: Approval) -> bool:
        """Tell whether the caller could approve or reject it now."""
        caller = access.of(self.context["request"]._request)
        return caller is not None and approvals.may_decide(row, caller, timezone.now())


class PersonAskedAbout(serializers.Serializer[Any]):
    """Somebody a request is about. `name` is empty for who may not see names."""

    name = serializers.CharField()
    to = serializers.CharField(source="address", help_text="Without its middle.")


class PeopleAskedAbout(serializers.Serializer[Any]):
    """Whom a request is about now: the first twenty, and how many there are."""

    first = PersonAskedAbout(many=True)
    total = serializers.IntegerField()


class ApprovalDetail(ApprovalOutput):
    """A request with whom it is about, while it waits or stands.

    `people` is null where it is not about people, or the caller may not know them.
    """

    people = serializers.SerializerMethodField()

    class Meta:
        model = Approval
        fields = (*ApprovalOutput.Meta.fields, "people")
        read_only_fields = fields

    @extend_schema_field(PeopleAskedAbout(allow_null=True))
    def get_people(self, row: Approval) -> dict[str, Any] | None:
        """Read them as they are now."""
        caller = access.of(self.context["request"]._request)
        found = caller and approvals.find_people(row, by=caller, now=timezone.now())
        return dict(PeopleAskedAbout(found).data) if found else None


class ReasonInput(serializers.Serializer[Any]):
    """Why a request is refused."""

    reason = serializers.CharField(max_length=500)


class ApprovalFilter(StrictFilterSet):
    """Requests by status and kind."""

    status = filters.ChoiceFilter(choices=Approval.Status.choices, method="by_status")
    kind = filters.ChoiceFilter(choices=ApprovalKind.choices)

    class Meta:
        model = Approval
        fields = ("status", "kind")

    def by_status(self, rows: QuerySet[Approval], _: str, status: str) -> QuerySet[Approval]:
        """Keep those that are in this state now."""
        return approvals.in_state(rows, status, timezone.now())


class Approvals(ListModelMixin, ApiViewSet):
    """Requests to a second person: one's own, and those one may decide."""

    permissions: ClassVar[dict[str, str]] = {"GET": SIGNED_IN, "POST": SIGNED_IN}
    queryset = Approval.across_businesses.none()
    serializer_class = ApprovalOutput
    filterset_class = ApprovalFilter

    def get_queryset(self) -> QuerySet[Approval]:
        """Return what the caller may see."""
        return approvals.list_visible(caller_of(self.request))

    @extend_schema(responses=ApprovalDetail)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one request with what is asked, and whom it is about as they are now."""
        row, context = self._get(pk), self.get_serializer_context()
        return Response(ApprovalDetail(row, context=context).data)

    @extend_schema(request=None, responses=ApprovalOutput)
    def approve(self, request: Request, pk: str) -> Response:
        """Agree to exactly this. Whoever asked then repeats the step.

        403 `own_request`, `person_required`; 409 `approval_closed`, or `approval_void` when what
        was asked about changed meanwhile.
        """
        found = self._get(pk)
        by, now = caller_of(request), timezone.now()
        return self._show(approvals.approve(approval=found, by=by, now=now))

    @extend_schema(request=ReasonInput, responses=ApprovalOutput)
    def reject(self, request: Request, pk: str) -> Response:
        """Refuse, with a reason. 403 `own_request`, `person_required`; 409 `approval_closed`."""
        found = self._get(pk)
        reason = valid(ReasonInput, request)["reason"]
        by, now = caller_of(request), timezone.now()
        return self._show(approvals.reject(approval=found, reason=reason, by=by, now=now))

    @extend_schema(request=None, responses=ApprovalOutput)
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take one's own request or approval back. 409 `approval_closed`."""
        found = self._get(pk)
        by, now = caller_of(request), timezone.now()
        return self._show(approvals.withdraw(approval=found, by=by, now=now))

    def _get(self, pk: str) -> Approval:
        id_ = business_choice.parse_id(pk)
        if id_ is None:
            raise NotFound("No such request.")
        return approvals.get(id_, by=caller_of(self.request))

    def _show(self, row: Approval) -> Response:
        """Answer a decision, without people: an answer may be kept and given again."""
        return Response(ApprovalOutput(row, context=self.get_serializer_context()).data)
