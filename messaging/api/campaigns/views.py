"""Campaigns by request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.approvals import NeedsApproval
from config.lib.api.filters import require_known
from config.lib.api.views import ApiView
from config.lib.errors import InvalidInput, NotFound
from messaging.api.asking import caller_of, require, valid
from messaging.api.campaigns import serializers
from messaging.campaigns import dryrun, estimate, progress, run
from messaging.campaigns.models import Campaign
from messaging.campaigns.run import Actor, Plan
from messaging.senders import numbers
from messaging.senders.models import Sender
from templates_mgmt import catalog
from templates_mgmt.models import Template

# Counting everyone's verdict takes a second or two up to here; a launch must not wait longer.
COUNTED_AT_ONCE: Final = 50_000


class BulkSend(ApiView):
    """A campaign."""

    permission = "messages.bulk_send"
    by_object = True

    @extend_schema(
        request=serializers.BulkSendInput,
        responses={200: serializers.DryRunOutput, 202: serializers.BulkSendOutput},
    )
    def post(self, request: Request) -> Response:
        """Launch or schedule a campaign, or with `dry_run` say what it would do.

        People given who are no contacts yet become some. An address that is none, and a person
        given twice, are skipped. 409: `template_not_approved`, `template_paused`,
        `audience_empty`; `approval_required` where the business wants a second person: then the
        campaign stays as a draft, `extra` has its `id` and the `approval` to be decided, and
        `launch` starts it afterwards.
        """
        given = valid(serializers.BulkSendInput, request)
        by, now = _actor(request), timezone.now()
        plan = _plan(given)
        require(request, self.permission, plan.sender)
        if given["dry_run"]:
            found = dryrun.of_plan(plan, by=by, now=now)
            return Response(serializers.DryRunOutput({**_as_dict(found), "id": None}).data)
        with transaction.atomic():
            campaign = run.create(plan, by=by, now=now)
            try:
                campaign = _begin(campaign, given.get("scheduled_at"), by=by, now=now)
            except NeedsApproval as error:
                refused: NeedsApproval | None = error
            else:
                refused = None
                body = serializers.BulkSendOutput(_expected(campaign)).data
        if refused is not None:
            refused.extra["id"] = str(campaign.pk)
            raise refused
        return Response(body, status=status.HTTP_202_ACCEPTED)


class BulkSendProgress(ApiView):
    """The progress of a campaign."""

    permission = "messages.view"
    by_object = True

    @extend_schema(responses=serializers.ProgressOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """Return counts by status, rate, time left, cost, and the first 100 skipped."""
        require_known(request, ())
        return _progress(_campaign(request, pk, self.permission))


class BulkSendControl(ApiView):
    """Pause, resume, cancel; launch what was approved."""

    permission = "messages.bulk_send"
    by_object = True

    @extend_schema(request=serializers.ControlInput, responses=serializers.ProgressOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Pause, resume or cancel. Doing it twice changes nothing; 409 `campaign_over`.

        `launch` starts a draft, at `scheduled_at` if that is given; 409 `already_launched`,
        `approval_required`, or `approval_void` when it is no longer what was approved.
        """
        campaign = _campaign(request, pk, self.permission)
        given = valid(serializers.ControlInput, request)
        by, now = _actor(request), timezone.now()
        match given["action"]:
            case "launch":
                campaign = _begin(campaign, given.get("scheduled_at"), by=by, now=now)
            case "pause":
                campaign = run.pause(campaign, reason=f"Paused by {by.name}", by=by, now=now)
            case "resume":
                campaign = run.resume(campaign, by=by, now=now)
            case _:
                campaign = run.cancel(campaign, by=by, now=now)
        return _progress(campaign)


def _campaign(request: Request, pk: UUID, permission: str) -> Campaign:
    """Return a campaign the caller holds the permission for; another is not found."""
    found = run.get(pk)
    if not caller_of(request).allows(permission, found):
        raise NotFound("No such campaign.")
    return found


def _progress(campaign: Campaign) -> Response:
    return Response(serializers.ProgressOutput(progress.of(campaign, now=timezone.now())).data)


def _actor(request: Request) -> Actor:
    return Actor.of(caller_of(request))


def _plan(given: Mapping[str, Any]) -> Plan:
    sender = _sender(given.get("sender"))
    return Plan(
        name=given["name"],
        sender=sender,
        template=_template(sender, given),
        audience=given.get("audience", {}),
        variables=given["variables"],
        recipients=given.get("recipients"),
        not_after=given.get("not_after"),
    )


def _sender(phone_number_id: str | None) -> Sender:
    if phone_number_id is not None:
        try:
            return numbers.get(phone_number_id)
        except NotFound as error:
            raise InvalidInput(error.detail, code="unknown_sender", attr="sender") from error
    found = numbers.find_default()
    if found is None:
        raise InvalidInput(
            "Name the sender: the business has no default number.", code="required", attr="sender"
        )
    return found


def _template(sender: Sender, given: Mapping[str, Any]) -> Template:
    """Return the template; a dry run counts a state that forbids sending, a launch refuses it."""
    name, language = given["template"]["name"], given["template"]["language"]
    if given["dry_run"]:
        language = catalog.canonical_language(language)
        known: Template | None = Template.objects.filter(
            account=sender.account, name=name, language=language
        ).first()
        if known is not None:
            return known
    return catalog.get_sendable(sender.account, name, language)


def _begin(
    campaign: Campaign, scheduled_at: datetime | None, *, by: Actor, now: datetime
) -> Campaign:
    if scheduled_at is not None and scheduled_at > now:
        return run.schedule(campaign, at=scheduled_at, by=by, now=now)
    return run.launch(campaign, by=by, now=now)


def _expected(campaign: Campaign) -> dict[str, Any]:
    """Return what will become of everyone, counted unless there are too many."""
    if campaign.total <= COUNTED_AT_ONCE:
        counted = dryrun.of(campaign, now=timezone.now())
        return {**_as_dict(counted), "id": campaign.pk, "status": campaign.status}
    return {
        "id": campaign.pk,
        "status": campaign.status,
        "total": campaign.total,
        "accepted": campaign.total,
        "skipped": {},
        "estimated_cost": None,
        "estimated_duration_s": estimate.duration_seconds(campaign.sender, campaign.total),
    }


def _as_dict(found: dryrun.DryRun) -> dict[str, Any]:
    return {
        "status": Campaign.Status.DRAFT,
        "total": found.total,
        "accepted": found.accepted,
        "skipped": found.skipped,
        "estimated_cost": found.estimated_cost,
        "estimated_duration_s": found.estimated_duration_s,
        "samples": found.samples,
        "skipped_sample": found.skipped_sample,
    }
