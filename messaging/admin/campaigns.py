"""Campaigns: planned in steps, launched, followed live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
)
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils import timezone
from unfold.enums import ActionVariant

from config.lib import moments, streams
from config.lib.admin import Call, EmptyState, OperatorForm, Step, TenantAdmin, asking, verb
from config.lib.admin.rendering import badge
from messaging.admin import approval, drawing, pages
from messaging.admin.planning import SEND, Planning, example, find
from messaging.campaigns import outcomes, progress, run, words
from messaging.campaigns.models import Campaign
from messaging.campaigns.run import Actor
from messaging.messages import tallies

VIEW: Final = "messages.view"
Status = Campaign.Status
_ALIVE: Final = frozenset({Status.SCHEDULED, Status.LAUNCHING, Status.RUNNING, Status.PAUSED})
_TONES: Final[Mapping[str, str]] = {
    Status.RUNNING: "info",
    Status.LAUNCHING: "info",
    Status.SCHEDULED: "primary",
    Status.PAUSED: "warning",
    Status.COMPLETED: "success",
    Status.FAILED: "danger",
}


class PauseForm(OperatorForm):
    """Why a campaign rests."""

    reason = forms.CharField(max_length=200, help_text="Your colleagues see it.")


@admin.register(Campaign)
class CampaignAdmin(Planning, TenantAdmin[Campaign]):
    """One message to many."""

    permissions: ClassVar[Mapping[str, str]] = {"view": VIEW, "add": SEND, "change": SEND}
    by_object = True
    list_display = ("name", "state", "how_far", "template", "sender", "when")
    list_filter = ("status",)
    list_select_related = ("template", "sender")
    actions_detail = ("pause", "resume", "cancel")

    class Media:
        css = {"all": ("messaging/admin/pages.css",)}

    empty_state = EmptyState(
        title="No campaigns yet",
        text="A campaign sends one approved template to many people who agreed to it. You see "
        "every step before anything leaves.",
        icon="campaign",
        steps=(
            Step("New campaign", "admin:messaging_campaign_add", SEND, icon="campaign"),
            Step("Import people first", "admin:messaging_contactimport_add", "contacts.manage"),
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the steps and what the campaign's page asks for while it is open."""
        return [
            *self.planning_urls(),
            pages.route(self, "<uuid:key>/progress/", self.progress_live, "progress"),
            pages.route(self, "<uuid:key>/outcomes.<slug:kind>", self.outcomes_view, "outcomes"),
            *super().get_urls(),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let those plan who may send from one number at least."""
        return asking.allows_some(request, SEND)

    # the list

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the counters of the page's campaigns."""
        changelist = super().get_changelist_instance(request)
        for one in changelist.result_list:
            one.counts = tallies.of(one.pk)
        return changelist

    @admin.display(description="State")
    def state(self, campaign: Campaign) -> str:
        """Show the state."""
        tone = _TONES.get(campaign.status, "muted")
        return badge(campaign.get_status_display(), tone, title=campaign.pause_reason)

    @admin.display(description="Progress")
    def how_far(self, campaign: Any) -> str:
        """Show a bar of what became of the messages."""
        return drawing.bar(campaign.counts, campaign.total)

    @admin.display(description="When")
    def when(self, campaign: Campaign) -> str:
        """Show when it started, or will."""
        at = campaign.launched_at or campaign.scheduled_at or campaign.created_at
        return moments.short(at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the campaign: how far it is, what was skipped, what failed and what to do."""
        asking.require_some(request, VIEW)
        campaign = find(request, object_id, VIEW)
        return pages.show(
            self,
            request,
            "campaign",
            title=campaign.name,
            original=campaign,
            campaign=campaign,
            bubble=example(campaign.template),
            sender_name=campaign.sender.verified_name,
            audience_words=words.audience(campaign.audience),
            is_alive=campaign.status in _ALIVE or _is_settling(campaign),
            verbs=self._verbs(request, campaign),
            is_unlaunched=run.is_unlaunched(campaign),
            approval=approval.show(campaign, reader=pages.caller(request), now=timezone.now()),
            **drawing.progress_facts(progress.of(campaign, now=timezone.now())),
        )

    @pages.needs(VIEW, by_object=True)
    def progress_live(self, request: HttpRequest, key: UUID) -> JsonResponse:
        """Return how far the campaign is."""
        campaign = find(request, key, VIEW)
        known = request.GET.get("state", "")
        facts = drawing.progress_facts(progress.of(campaign, now=timezone.now()))
        html = pages.fragment(request, "campaign_progress", campaign=campaign, **facts)
        return pages.live(
            {"campaign-progress": html},
            is_changed=bool(known) and campaign.status != known,
            is_done=campaign.status in Campaign.FINAL and not _is_settling(campaign),
        )

    @pages.needs(VIEW, by_object=True)
    def outcomes_view(self, request: HttpRequest, key: UUID, kind: str) -> HttpResponseBase:
        """Download what became of each person."""
        asking.require(request, "reports.view")
        campaign = find(request, key, VIEW)
        if kind == "xlsx":
            return streams.file(
                request,
                drawing.workbook(campaign),
                content_type=drawing.XLSX,
                filename="outcomes.xlsx",
            )
        if kind != "csv":
            raise Http404
        return streams.download(
            request,
            streams.pieces(outcomes.csv_lines(campaign)),
            content_type="text/csv; charset=utf-8",
            filename="outcomes.csv",
        )

    def _verbs(self, request: HttpRequest, campaign: Campaign) -> list[str]:
        names = ("pause", "resume", "cancel")
        return [name for name in names if getattr(self, name).verb.is_open_to(request, campaign)]

    @verb(
        "Pause",
        permission=SEND,
        icon="pause",
        form=PauseForm,
        when=lambda one: one.status in {Status.SCHEDULED, Status.LAUNCHING, Status.RUNNING},
    )
    def pause(self, call: Call) -> str:
        """Let nothing more through."""
        run.pause(call.obj, reason=call.data["reason"], by=Actor.of(call.by), now=call.now)
        return "The campaign is paused: nothing more leaves until it is resumed."

    @verb(
        "Resume",
        permission=SEND,
        icon="play_arrow",
        when=lambda one: one.status == Status.PAUSED and not run.is_unlaunched(one),
    )
    def resume(self, call: Call) -> str:
        """Go on where it stopped."""
        run.resume(call.obj, by=Actor.of(call.by), now=call.now)
        return "The campaign goes on where it stopped."

    @verb(
        "Cancel",
        permission=SEND,
        icon="stop",
        variant=ActionVariant.DANGER,
        confirm="Messages that wait are taken back; those that left stay sent. A cancelled "
        "campaign cannot be taken up again.",
        submit="Cancel the campaign",
        when=lambda one: one.status not in Campaign.FINAL,
    )
    def cancel(self, call: Call) -> str:
        """End it."""
        run.cancel(call.obj, by=Actor.of(call.by), now=call.now)
        return "The campaign is cancelled."


def _is_settling(campaign: Campaign) -> bool:
    """Tell whether statuses may still come in: for a quarter of an hour after the end."""
    ended = campaign.finished_at
    return ended is not None and (timezone.now() - ended).total_seconds() < 900
