"""Campaigns: planned in steps, launched, followed live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone
from unfold.enums import ActionVariant

from accounts.approvals import NeedsApproval
from config.lib import moments, streams
from config.lib.admin import Call, EmptyState, OperatorForm, Step, TenantAdmin, asking, verb
from config.lib.admin.rendering import badge
from config.lib.errors import ProjectError
from messaging.admin import approval, drawing, pages, plan
from messaging.admin.forms.campaigns import (
    SOURCES,
    AudienceForm,
    LaunchForm,
    MessageForm,
    VariablesForm,
)
from messaging.campaigns import audience, dryrun, outcomes, preview, progress, run, words
from messaging.campaigns.models import Campaign
from messaging.campaigns.run import Actor
from messaging.contacts.models import Contact
from messaging.inbox.reading import of_preview
from messaging.messages import tallies
from messaging.senders.models import Sender
from templates_mgmt.models import Template

VIEW: Final = "messages.view"
SEND: Final = "messages.bulk_send"
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
class CampaignAdmin(TenantAdmin[Campaign]):
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
            pages.route(self, "plan/count/", self.count_view, "count"),
            pages.route(self, "plan/look/", self.look_view, "look"),
            pages.route(self, "plan/<str:key>/<slug:step>/", self.plan_view, "plan"),
            pages.route(self, "plan/<str:key>/variables/preview/", self.preview_view, "preview"),
            pages.route(self, "<uuid:key>/check/", self.check_view, "check"),
            pages.route(self, "<uuid:key>/check/result/", self.check_live, "check_result"),
            pages.route(self, "<uuid:key>/launch/", self.launch_view, "launch"),
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

    # planning

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Begin a new plan."""
        asking.require_some(request, SEND)
        plan.forget(request, plan.NEW)
        if listed := request.GET.get("list"):
            draft = plan.Draft(plan.NEW, audience={"list": listed})
            plan.keep(request, draft)
        return HttpResponseRedirect(_step(plan.NEW, "message"))

    @pages.needs(SEND, by_object=True)
    def plan_view(self, request: HttpRequest, key: str, step: str) -> HttpResponseBase:
        """Show or take one of the first three steps."""
        draft = plan.open_(request, key)
        _require_sender(request, draft)
        handler = {"message": self._message, "audience": self._audience}.get(step)
        if handler is None and step != "variables":
            raise Http404
        if not draft.is_ready_for(step):
            return HttpResponseRedirect(_step(key, "message"))
        return (handler or self._variables)(request, draft)

    def _message(self, request: HttpRequest, draft: plan.Draft) -> HttpResponseBase:
        first = {"name": draft.name, "sender": draft.sender, "template": draft.template}
        form = MessageForm(request.POST or None, request=request, initial=first)
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            if draft.template != str(data["template"].pk):
                draft.variables = {}
            draft.name, draft.sender = data["name"], str(data["sender"].pk)
            draft.template = str(data["template"].pk)
            plan.keep(request, draft)
            return HttpResponseRedirect(_step(draft.key, "audience"))
        template = draft.find_template()
        return self._show(
            request,
            draft,
            "message",
            form=form,
            bubble=_example(template),
            has_templates=form.fields["template"].queryset.exists(),  # type: ignore[attr-defined]  # a model choice
            has_senders=Sender.objects.exists(),
        )

    def _audience(self, request: HttpRequest, draft: plan.Draft) -> HttpResponseBase:
        form = AudienceForm(request.POST or None, request=request, obj=draft.audience)
        if request.method == "POST" and form.is_valid():
            spec = form.spec()
            try:
                audience.check(spec)
            except ProjectError as error:
                form.refuse(error)
            else:
                draft.audience = spec
                plan.keep(request, draft)
                return HttpResponseRedirect(_step(draft.key, "variables"))
        return self._show(
            request,
            draft,
            "audience",
            form=form,
            sources=SOURCES,
            has_people=Contact.objects.exists(),
            count=_counted(form, draft.audience),
        )

    def _variables(self, request: HttpRequest, draft: plan.Draft) -> HttpResponseBase:
        form, template = _variables_form(request, draft)
        if request.method == "POST" and form.is_valid():
            draft.variables = form.mapping()
            plan.keep(request, draft)
            try:
                campaign = plan.write(request, draft, now=timezone.now())
            except ProjectError as error:
                form.add_error(None, error.detail)
            else:
                url = reverse("admin:messaging_campaign_check", args=[campaign.pk])
                return HttpResponseRedirect(url)
        mapping = draft.variables or _guessed(form)
        shown = preview.for_person(template, draft.audience, mapping, place=0)
        return self._show(
            request, draft, "variables", form=form, template=template, **_shown(shown, draft)
        )

    @pages.needs(SEND, by_object=True)
    def preview_view(self, request: HttpRequest, key: str) -> HttpResponseBase:
        """Return the message as the person chosen would see it."""
        draft = plan.open_(request, key)
        if not draft.is_ready_for("variables"):
            raise Http404
        form, template = _variables_form(request, draft)
        form.is_valid()
        place = form.cleaned_data.get("person") or 0
        shown = preview.for_person(template, draft.audience, form.mapping(), place=place)
        return HttpResponse(pages.fragment(request, "person", **_shown(shown, draft)))

    @pages.needs(SEND, by_object=True)
    def look_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return a template with its examples."""
        key = request.POST.get("template")
        template: Template | None = pages.find(Template.objects.all(), key) if key else None
        sender_key = request.POST.get("sender")
        sender = pages.find(Sender.objects.all(), sender_key) if sender_key else None
        name = sender.verified_name if sender else ""
        return HttpResponse(
            pages.fragment(request, "preview", bubble=_example(template), sender_name=name)
        )

    @pages.needs(SEND, by_object=True)
    def count_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return how many people the audience has."""
        form = AudienceForm(request.POST or None, request=request)
        count, error = None, ""
        if form.is_valid():
            try:
                count = audience.resolve(form.spec()).count()
            except ProjectError as refusal:
                error = refusal.detail
        return HttpResponse(pages.fragment(request, "count", count=count, error=error))

    # before the launch

    @pages.needs(SEND, by_object=True)
    def check_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Show the page of the dry run, which is asked for by the page itself."""
        campaign = _find(request, key, SEND)
        if not run.is_unlaunched(campaign):
            return HttpResponseRedirect(_page_of(campaign))
        return self._show(
            request, plan.open_(request, str(key)), "check", campaign=campaign, result=None
        )

    @pages.needs(SEND, by_object=True)
    def check_live(self, request: HttpRequest, key: UUID) -> JsonResponse:
        """Do the dry run; nothing is written."""
        campaign = _find(request, key, SEND)
        try:
            result, error = dryrun.of(campaign, now=timezone.now()), ""
        except ProjectError as refusal:
            result, error = None, refusal.detail
        plan.note_accepted(request, campaign, result.accepted if result else None)
        facts = _check_facts(campaign, result) if result else {}
        html = pages.fragment(
            request, "dry_run", campaign=campaign, result=result, error=error, **facts
        )
        return pages.live({"dry-run": html}, is_done=True)

    @pages.needs(SEND, by_object=True)
    def launch_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Start it now or later."""
        campaign = _find(request, key, SEND)
        if not run.is_unlaunched(campaign):
            return HttpResponseRedirect(_page_of(campaign))
        zone = ZoneInfo(pages.business_of(request).time_zone or "UTC")
        form = LaunchForm(request.POST or None, request=request, zone=zone)
        if request.method == "POST" and form.is_valid() and _launch(campaign, form, request):
            return HttpResponseRedirect(_page_of(campaign))
        return self._show(
            request,
            plan.open_(request, str(key)),
            "launch",
            campaign=campaign,
            form=form,
            zone=zone.key,
            count=plan.accepted(request, campaign),
        )

    def _show(
        self, request: HttpRequest, draft: plan.Draft, step: str, **context: Any
    ) -> HttpResponseBase:
        sender = draft.find_sender()
        facts = {"sender_name": sender.verified_name if sender else "", **context}
        return pages.show(
            self,
            request,
            f"campaign_{step}",
            title=draft.name or "New campaign",
            draft=draft,
            step=step,
            steps=_steps(draft, step),
            **facts,
        )

    # under way and after

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the campaign: how far it is, what was skipped, what failed and what to do."""
        asking.require_some(request, VIEW)
        campaign = _find(request, object_id, VIEW)
        return pages.show(
            self,
            request,
            "campaign",
            title=campaign.name,
            original=campaign,
            campaign=campaign,
            bubble=_example(campaign.template),
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
        campaign = _find(request, key, VIEW)
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
        campaign = _find(request, key, VIEW)
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


def _find(request: HttpRequest, key: object, permission: str) -> Campaign:
    rows = Campaign.objects.select_related("sender__account", "template", "created_by")
    found: Campaign = pages.find_allowed(request, rows, key, permission)
    return found


def _require_sender(request: HttpRequest, draft: plan.Draft) -> None:
    """Let nobody plan from a number they may not send campaigns from."""
    if (sender := draft.find_sender()) is not None:
        asking.require(request, SEND, sender)


def _page_of(campaign: Campaign) -> str:
    return reverse("admin:messaging_campaign_change", args=[campaign.pk])


def _step(key: str, step: str) -> str:
    return reverse("admin:messaging_campaign_plan", args=[key, step])


def _steps(draft: plan.Draft, now: str) -> list[dict[str, Any]]:
    names = [name for name, _ in plan.STEPS]
    found = []
    for place, (name, label) in enumerate(plan.STEPS):
        is_done = place < names.index(now)
        if name in {"check", "launch"}:
            is_written = draft.key != plan.NEW
            view = f"admin:messaging_campaign_{name}"
            url = reverse(view, args=[draft.key]) if is_written else ""
        else:
            url = _step(draft.key, name) if draft.is_ready_for(name) else ""
        found.append({"label": label, "url": url, "is_done": is_done, "is_now": name == now})
    return found


def _example(template: Template | None) -> dict[str, Any] | None:
    if template is None:
        return None
    return {"words": of_preview(preview.example(template)), "at": timezone.now()}


def _count(spec: Mapping[str, Any]) -> int | None:
    try:
        return audience.resolve(spec).count()
    except ProjectError:
        return None


def _counted(form: AudienceForm, held: Mapping[str, Any]) -> int | None:
    """Return how many people there are in what the form shows as chosen."""
    if form.is_bound:
        return _count(form.spec()) if form.is_valid() else None
    return _count(held or {audience.ALL: True})


def _variables_form(request: HttpRequest, draft: plan.Draft) -> tuple[VariablesForm, Template]:
    template = draft.find_template()
    if template is None:
        raise Http404
    form = VariablesForm(
        request.POST or None,
        request=request,
        template=template,
        mapping=draft.variables,
        names=preview.attribute_names(template, draft.audience),
    )
    return form, template


def _guessed(form: VariablesForm) -> dict[str, Any]:
    return {one.key: preview.guess(one, form.names) for one in form.variables}


def _shown(shown: preview.Shown, draft: plan.Draft) -> dict[str, Any]:
    sender = draft.find_sender()
    return {
        "shown": shown,
        "bubble": {"words": of_preview(shown.preview), "at": timezone.now()},
        "reason": drawing.reason(shown.code, shown.detail) if shown.code else "",
        "sender_name": sender.verified_name if sender else "",
    }


def _check_facts(campaign: Campaign, result: dryrun.DryRun) -> dict[str, Any]:
    return {
        "reasons": drawing.reasons(result.skipped),
        "people": [(one, drawing.reason(one.code, one.detail)) for one in result.skipped_sample],
        "samples": [
            (one, {"words": of_preview(one.preview), "at": timezone.now()})
            for one in result.samples
        ],
        "duration": drawing.duration(result.estimated_duration_s),
        "sender_name": campaign.sender.verified_name,
    }


def _launch(campaign: Campaign, form: LaunchForm, request: HttpRequest) -> bool:
    data, now = form.cleaned_data, timezone.now()
    by = Actor.of(pages.caller(request))
    try:
        run.update(
            campaign,
            run.Plan(
                name=campaign.name,
                sender=campaign.sender,
                template=campaign.template,
                audience=campaign.audience,
                variables=campaign.variables,
                not_after=data["not_after"],
            ),
            by=by,
            now=now,
        )
        if data["when"] == "later":
            run.schedule(campaign, at=data["scheduled_at"], by=by, now=now)
            flash.success(request, "The campaign is scheduled.")
        else:
            run.launch(campaign, by=by, now=now)
            flash.success(request, "The campaign is on its way.")
    except NeedsApproval as error:
        flash.warning(request, error.detail)
    except ProjectError as error:
        form.add_error(error.attr if error.attr in form.fields else None, error.detail)
        return False
    return True


def _is_settling(campaign: Campaign) -> bool:
    """Tell whether statuses may still come in: for a quarter of an hour after the end."""
    ended = campaign.finished_at
    return ended is not None and (timezone.now() - ended).total_seconds() < 900
