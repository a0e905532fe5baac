"""What people asked about their data: deadlines, progress, copies, certificates."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from compliance.admin.batches import SeveralForm
from compliance.privacy import certificate, export, mass, registry, requests
from compliance.privacy.models import PrivacyBatch, PrivacyRequest
from compliance.privacy.paper import certificate_pdf, words_of
from config.lib import moments, streams
from config.lib.addresses import Address, InvalidAddress
from config.lib.admin import Call, EmptyState, OperatorForm, ReadOnlyAdmin, Step, verb
from config.lib.admin.asking import access_of, in_steps, require
from config.lib.admin.rendering import badge, bar

_MANAGE = "privacy.manage"
_PAGE = "admin:compliance_privacyrequest"
_TONES = {
    "open": "warning",
    "running": "info",
    "done": "success",
    "expired": "success",
    "failed": "danger",
    "withdrawn": "muted",
}
_SOON = timedelta(days=7)
Status = PrivacyRequest.Status


def _region(request: Any) -> str | None:
    access = access_of(request)
    return access.business.region if access and access.business else None


class AskForm(OperatorForm):
    """What a person asked for, and by when they get their answer."""

    address = forms.CharField(
        label="Phone number or Meta user id",
        required=False,
        max_length=140,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
        help_text="In any common spelling.",
    )
    contact = forms.UUIDField(required=False, widget=forms.HiddenInput)
    kind = forms.ChoiceField(
        label="What the person wants",
        choices=[
            ("access", "A copy of everything we hold about them"),
            ("erasure", "That everything about them is erased"),
        ],
    )
    asked_by = forms.ChoiceField(label="Who asked", choices=PrivacyRequest.AskedBy.choices)
    channel = forms.ChoiceField(label="How they asked", choices=PrivacyRequest.Channel.choices)
    received_at = forms.DateField(
        label="Asked on",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The answer is due 30 days later.",
    )
    note = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="How you made sure who asked, a ticket number. It is deleted with the answer.",
    )

    def prepare(self) -> None:
        """Begin with today and, from somebody's page, with that person."""
        self.fields["received_at"].initial = timezone.localdate
        contact = self.request.GET.get("contact", "") if self.request else ""
        kind = self.request.GET.get("kind", "") if self.request else ""
        if kind in PrivacyRequest.Kind.values:
            self.fields["kind"].initial = kind
        if contact:
            self.fields["contact"].initial = contact
        contact = contact or (self.request.POST.get("contact", "") if self.request else "")
        if contact:
            self.fields["address"].widget = forms.HiddenInput()
            self.fields["kind"].help_text = _of_whom(contact)

    def clean(self) -> dict[str, Any]:
        """Read who is meant."""
        data = super().clean() or {}
        contact: UUID | None = data.get("contact")
        if contact:
            try:
                data["person"] = requests.identify(contact_id=contact)
            except requests.NobodyKnown as error:
                self.add_error(None, error.detail)
            return data
        try:
            address = Address.parse(data.get("address", ""), region=_region(self.request))
        except InvalidAddress as error:
            self.add_error("address", error.detail)
            return data
        data["person"] = requests.identify(address=address.key)
        return data


def _of_whom(contact: str) -> str:
    """Say who the form is about, for whoever came from their page."""
    try:
        return f"This is about {requests.identify(contact_id=UUID(contact)).label}."
    except (ValueError, requests.NobodyKnown):
        return "There is no such contact any more."


@admin.register(PrivacyRequest)
class PrivacyRequestAdmin(ReadOnlyAdmin[PrivacyRequest]):
    """Requests with their deadline, what is late first to be seen."""

    permissions: ClassVar[dict[str, str]] = {"view": _MANAGE}
    list_display = ("label", "kind", "state", "deadline", "progress_bar", "asked")
    list_filter = ("status", "kind")
    actions_list = ("ask", "ask_several")
    actions_detail = ("start", "withdraw")
    empty_state = EmptyState(
        "Nobody has asked yet",
        "When somebody wants to know what you hold about them, or wants to be erased, note it "
        "here: the deadline is watched, and the copy or the erasure is made by itself.",
        icon="shield_person",
        steps=(Step("Note a request", f"{_PAGE}_ask", _MANAGE),),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the download and the certificate."""
        wrap, name = self.admin_site.admin_view, "compliance_privacyrequest"
        return [
            path("<uuid:key>/copy/", wrap(self.copy_view), name=f"{name}_copy"),
            path("<uuid:key>/certificate/", wrap(self.paper_view), name=f"{name}_certificate"),
            *super().get_urls(),
        ]

    # the list

    @admin.display(description="status")
    def state(self, row: PrivacyRequest) -> SafeString:
        """Show where it stands."""
        return badge(row.get_status_display(), _TONES[row.status], title=row.error)

    @admin.display(description="answer due")
    def deadline(self, row: PrivacyRequest) -> SafeString | str:
        """Show the deadline, red once it is past."""
        now = timezone.now()
        if row.status in PrivacyRequest.FINAL:
            return "—"
        due = timezone.localtime(row.due_at)
        if requests.is_overdue(row, now=now):
            return badge(f"Overdue since {due:%-d %b %Y}", "danger")
        days = (due.date() - timezone.localdate(now)).days
        said = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
        tone = "warning" if row.due_at < now + _SOON else "muted"
        return badge(said, tone, title=moments.text(row.due_at))

    @admin.display(description="progress")
    def progress_bar(self, row: PrivacyRequest) -> SafeString | str:
        """Show how far a running erasure got."""
        if row.kind != PrivacyRequest.Kind.ERASURE or row.status not in {"running", "failed"}:
            return "—"
        return bar(*requests.progress_of(row), label="Stores cleared")

    @admin.display(description="asked on")
    def asked(self, row: PrivacyRequest) -> str:
        """Show the day the person asked."""
        return f"{timezone.localtime(row.received_at):%-d %b %Y}"

    # one request

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the request, how far it got, and what came of it."""
        require(request, _MANAGE)
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        request.current_app = self.admin_site.name
        now = timezone.now()
        done, total = requests.progress_of(row)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(row),
            "original": row,
            "row": row,
            "now": now,
            "state": self.state(row),
            "is_overdue": requests.is_overdue(row, now=now),
            "done": done,
            "total": total,
            "stores": _stores(row),
            "facts": row.certificate["facts"] if row.certificate else None,
            "is_genuine": certificate.is_valid(row.certificate or {}),
            "has_copy": bool(row.file) and row.expires_at is not None and row.expires_at > now,
            "is_waiting_for_batch": _waits_with_others(row),
        }
        return TemplateResponse(request, "admin/privacy/request.html", context)

    @in_steps
    def copy_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Hand out the copy; that it was is noted."""
        row = self._row(request, key)
        try:
            opened = export.open_copy(row, by=access_of(request), now=timezone.now())
        except export.NotReady as error:
            self.message_user(request, error.detail, level="warning")
            return HttpResponseRedirect(reverse(f"{_PAGE}_change", args=[row.pk]))
        answer: FileResponse = streams.file(
            request, opened, content_type="application/zip", filename=f"copy-{row.pk}.zip"
        )
        return answer

    def paper_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Hand out the certificate as a PDF."""
        row = self._row(request, key)
        if row.certificate is None:
            raise Http404
        business = access_of(request).business
        return HttpResponse(
            certificate_pdf(row.certificate, business=business.name),
            content_type="application/pdf",
            headers={
                "Content-Disposition": f'attachment; filename="certificate-{row.pk}.pdf"',
                "Cache-Control": "no-store",
            },
        )

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Show the buttons within the page instead of above it."""
        return []

    def _row(self, request: HttpRequest, key: UUID) -> PrivacyRequest:
        require(request, _MANAGE)
        row = self.get_object(request, str(key))
        if row is None:
            raise Http404
        return row

    # buttons

    @verb(
        "Note a request",
        permission=_MANAGE,
        icon="add",
        form=AskForm,
        variant=ActionVariant.PRIMARY,
        submit="Note it",
    )
    def ask(self, call: Call) -> HttpResponseBase:
        """Note the request and show it; nothing happens before somebody starts it."""
        data = call.data
        midnight = timezone.make_aware(datetime.combine(data["received_at"], time()))
        made = requests.open_(
            kind=PrivacyRequest.Kind(data["kind"]),
            person=data["person"],
            by=call.by,
            now=call.now,
            asked_by=data["asked_by"],
            channel=data["channel"],
            note=data["note"],
            received_at=midnight,
        )
        return HttpResponseRedirect(reverse(f"{_PAGE}_change", args=[made.pk]))

    @verb(
        "Erase several people",
        permission=_MANAGE,
        icon="group_remove",
        form=SeveralForm,
        submit="Name them",
    )
    def ask_several(self, call: Call) -> HttpResponseBase:
        """Name the people and show the batch; nothing happens before it is started."""
        named = mass.create(
            people=call.data["named"], source=call.data["source"], by=call.by, now=call.now
        )
        if named.skipped:
            self.message_user(call.request, mass.told(named.skipped), level="warning")
        return HttpResponseRedirect(
            reverse("admin:compliance_privacybatch_change", args=[named.batch.pk])
        )

    @verb(
        "Start",
        permission=_MANAGE,
        icon="play_arrow",
        variant=ActionVariant.DANGER,
        confirm="An erasure cannot be taken back: messages, files, the contact and everything else "
        "about this person is deleted, and they are not written to any more. A copy is made for "
        "download within minutes. Make sure it is them who asked.",
        when=lambda row: row.status in {Status.OPEN, Status.FAILED} and not _waits_with_others(row),
    )
    def start(self, call: Call) -> str:
        """Begin."""
        requests.start(call.obj, by=call.by, now=call.now)
        return "It is being done. This page follows it."

    @verb(
        "Withdraw",
        permission=_MANAGE,
        icon="undo",
        confirm="The request is closed unanswered; who it was about is forgotten.",
        when=lambda row: row.status == Status.OPEN,
    )
    def withdraw(self, call: Call) -> str:
        """Close it unanswered."""
        requests.withdraw(call.obj, by=call.by, now=call.now)
        return "The request is withdrawn."


def _waits_with_others(row: PrivacyRequest) -> bool:
    return row.batch is not None and row.batch.status == PrivacyBatch.Status.WAITING


def _stores(row: PrivacyRequest) -> list[dict[str, Any]]:
    """Return each store with what became of it, for the page."""
    progress = row.progress
    done, counts = set(progress.get("done", ())), progress.get("counts", {})
    return [
        {
            "title": holder.title,
            "explanation": holder.explanation,
            "is_done": holder.name in done,
            "removed": words_of(counts.get(holder.name, {})),
        }
        for holder in registry.holders()
    ]
