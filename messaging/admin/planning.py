"""The pages a campaign is planned on, step by step, from its message to its launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

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

from accounts.approvals import NeedsApproval
from config.lib.admin import asking
from config.lib.errors import ProjectError
from messaging.admin import drawing, pages, plan
from messaging.admin.forms.campaigns import (
    SOURCES,
    AudienceForm,
    LaunchForm,
    MessageForm,
    VariablesForm,
)
from messaging.campaigns import audience, dryrun, preview, run
from messaging.campaigns.models import Campaign
from messaging.campaigns.run import Actor
from messaging.contacts.models import Contact
from messaging.inbox.reading import of_preview
from messaging.senders.models import Sender
from templates_mgmt.models import Template

SEND: Final = plan.SEND


class Planning:
    """The steps of the campaigns' admin: message, audience, variables, dry run, launch."""

    def planning_urls(self) -> list[URLPattern]:
        """Return the addresses of the steps and of what they ask for while they are open."""
        return [
            pages.route(self, "plan/count/", self.count_view, "count"),
            pages.route(self, "plan/look/", self.look_view, "look"),
            pages.route(self, "plan/<str:key>/<slug:step>/", self.plan_view, "plan"),
            pages.route(self, "plan/<str:key>/variables/preview/", self.preview_view, "preview"),
            pages.route(self, "<uuid:key>/check/", self.check_view, "check"),
            pages.route(self, "<uuid:key>/check/result/", self.check_live, "check_result"),
            pages.route(self, "<uuid:key>/launch/", self.launch_view, "launch"),
        ]

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
            bubble=example(template),
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
        _require_sender(request, draft)
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
            pages.fragment(request, "preview", bubble=example(template), sender_name=name)
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

    @pages.needs(SEND, by_object=True)
    def check_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Show the page of the dry run, which is asked for by the page itself."""
        campaign = find(request, key, SEND)
        if not run.is_unlaunched(campaign):
            return HttpResponseRedirect(page_of(campaign))
        return self._show(
            request, plan.open_(request, str(key)), "check", campaign=campaign, result=None
        )

    @pages.needs(SEND, by_object=True)
    def check_live(self, request: HttpRequest, key: UUID) -> JsonResponse:
        """Do the dry run; nothing is written."""
        campaign = find(request, key, SEND)
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
        campaign = find(request, key, SEND)
        if not run.is_unlaunched(campaign):
            return HttpResponseRedirect(page_of(campaign))
        zone = ZoneInfo(pages.business_of(request).time_zone or "UTC")
        form = LaunchForm(request.POST or None, request=request, zone=zone)
        if request.method == "POST" and form.is_valid() and _launch(campaign, form, request):
            return HttpResponseRedirect(page_of(campaign))
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


def find(request: HttpRequest, key: object, permission: str) -> Campaign:
    """Return a campaign the reader holds the permission for."""
    rows = Campaign.objects.select_related("sender__account", "template", "created_by")
    found: Campaign = pages.find_allowed(request, rows, key, permission)
    return found


def page_of(campaign: Campaign) -> str:
    """Return the address of a campaign's page."""
    return reverse("admin:messaging_campaign_change", args=[campaign.pk])


def example(template: Template | None) -> dict[str, Any] | None:
    """Return a template filled with its own examples, as a bubble."""
    if template is None:
        return None
    return {"words": of_preview(preview.example(template)), "at": timezone.now()}


def _require_sender(request: HttpRequest, draft: plan.Draft) -> None:
    """Let nobody plan from a number they may not send campaigns from."""
    if (sender := draft.find_sender()) is not None:
        asking.require(request, SEND, sender)


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
