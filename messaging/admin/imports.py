"""Imports: upload, look at what would happen, correct, commit, follow, fetch the refused rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone

from config.lib import moments, outward, streams
from config.lib.admin import Call, EmptyState, Step, TenantAdmin, asking, verb
from config.lib.admin.rendering import badge, bar
from config.lib.errors import ProjectError
from messaging.admin import pages
from messaging.admin.forms.imports import PREFIX, MappingForm, UploadForm
from messaging.contacts import imports, rows
from messaging.contacts.models import ContactImport

MANAGE: Final = "contacts.manage"
Status = ContactImport.Status
WORKING: Final = frozenset({Status.UPLOADED, Status.PREVIEWING, Status.IMPORTING})

# Verdict: what it means, and how it looks.
VERDICTS: Final[Mapping[str, tuple[str, str]]] = {
    rows.CREATED: ("New people", "good"),
    rows.UPDATED: ("Known people, brought up to date", "good"),
    rows.WITHOUT_CONSENT: ("Imported, but without consent: not written to first", "warn"),
    rows.WITHDRAWN: ("Imported and opted out: the row says no", "warn"),
    rows.STAYS_OUT: ("Imported, stays opted out: said no later", "warn"),
    rows.DUPLICATE: ("Refused: the same person stands earlier in the file", "bad"),
    "invalid_phone": ("Refused: not a phone number", "bad"),
    "invalid_bsuid": ("Refused: not a Meta user id", "bad"),
    "missing_address": ("Refused: neither phone number nor user id", "bad"),
    "name_too_long": ("Refused: the name is too long", "bad"),
    "value_too_long": ("Refused: a value is too long", "bad"),
    "unknown_language": ("Refused: unknown language", "bad"),
    "invalid_tag": ("Refused: a tag is too long", "bad"),
    "invalid_consent_date": ("Refused: the date of consent cannot be read", "bad"),
    "invalid_consent_scope": ("Refused: what the consent is for cannot be read", "bad"),
}
_TONES = {Status.DONE: "success", Status.FAILED: "danger", Status.READY: "info"}


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows met one fate."""

    label: str
    tone: str
    count: int


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One of the first rows with its verdict."""

    number: int
    cells: list[str]
    label: str
    tone: str
    reason: str


@admin.register(ContactImport)
class ContactImportAdmin(TenantAdmin[ContactImport]):
    """Files of contacts and what became of them."""

    permissions: ClassVar[Mapping[str, str]] = {
        "view": "contacts.view",
        "add": MANAGE,
        "change": MANAGE,
    }
    list_display = ("name", "state", "rows_shown", "created_count", "refused_count", "by", "at")
    list_select_related = ("created_by",)
    actions_detail = ("commit", "discard")
    empty_state = EmptyState(
        title="No imports yet",
        text="Bring people in from a CSV or Excel file. You see every row's verdict before "
        "anything is written.",
        icon="upload_file",
        steps=(Step("Import a file", "admin:messaging_contactimport_add", MANAGE),),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add progress and the refused rows."""
        return [
            pages.route(self, "<uuid:key>/progress/", self.progress_view, "progress"),
            pages.route(self, "<uuid:key>/refused/", self.refused_view, "refused"),
            *super().get_urls(),
        ]

    @admin.display(description="File")
    def name(self, held: ContactImport) -> str:
        """Show what the file was called, or when it came once that is forgotten."""
        return str(held)

    @admin.display(description="State")
    def state(self, held: ContactImport) -> str:
        """Show the state, or how far it is."""
        if held.status == Status.IMPORTING:
            return bar(held.rows_done, held.rows_total, label="Import")
        return badge(held.get_status_display(), _TONES.get(Status(held.status), "muted"))

    @admin.display(description="Rows")
    def rows_shown(self, held: ContactImport) -> str:
        """Show how many rows the file has."""
        return f"{held.rows_total:,}" if held.rows_total else "—"

    @admin.display(description="By")
    def by(self, held: ContactImport) -> str:
        """Show who brought it."""
        return str(held.created_by or "—")

    @admin.display(description="When")
    def at(self, held: ContactImport) -> str:
        """Show when."""
        return moments.short(held.created_at)

    @asking.in_steps
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Take a file."""
        asking.require(request, MANAGE)
        posted = (request.POST, request.FILES) if request.method == "POST" else ()
        form = UploadForm(*posted, request=request)
        if request.method == "POST" and form.is_valid():
            made = _upload(form, request)
            if made is not None:
                return HttpResponseRedirect(_page_of(made))
        return pages.show(self, request, "import_upload", title="Import people", form=form)

    @asking.in_steps
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show where an import stands: being read, to be decided on, under way, done or failed."""
        is_change = request.method == "POST"
        asking.require(request, MANAGE if is_change else "contacts.view")
        held: ContactImport = pages.find(
            ContactImport.objects.select_related("list", "created_by"), object_id
        )
        form = self._form(request, held)
        if is_change and form is not None and form.is_valid() and _configure(form, held, request):
            return HttpResponseRedirect(_page_of(held))
        return pages.show(
            self, request, "import", title=str(held), original=held, form=form, **_facts(held)
        )

    def _form(self, request: HttpRequest, held: ContactImport) -> MappingForm | None:
        if held.status != Status.READY or not asking.allows(request, MANAGE):
            return None
        return MappingForm(request.POST or None, request=request, obj=held)

    @pages.needs("contacts.view")
    def progress_view(self, request: HttpRequest, key: Any) -> JsonResponse:
        """Return how far the file is; the whole page once it got to another state."""
        held = pages.find(ContactImport.objects.select_related("list"), key)
        known = request.GET.get("state", "")
        is_same = held.status == known or {held.status, known} <= {
            Status.UPLOADED,
            Status.PREVIEWING,
        }
        html = pages.fragment(request, "import_progress", **_facts(held))
        return pages.live({"import-progress": html}, is_changed=not is_same)

    @asking.in_steps
    @pages.needs("contacts.view")
    def refused_view(self, request: HttpRequest, key: Any) -> HttpResponseBase:
        """Download the refused rows."""
        held = pages.find(ContactImport.objects.all(), key)
        try:
            file = imports.open_refused(held)
        except ProjectError as error:
            return pages.refused(request, error, _page_of(held))
        name = f"{held.filename.rpartition('.')[0] or 'import'}-refused.csv"
        return streams.file(request, file, content_type="text/csv", filename=name)

    @verb(
        "Import now",
        permission=MANAGE,
        icon="check",
        when=lambda held: held.status == Status.READY,
    )
    def commit(self, call: Call) -> str:
        """Begin to write."""
        imports.commit(call.obj, by=call.by.user, now=call.now)
        return "The import has begun."

    @verb(
        "Discard",
        permission=MANAGE,
        icon="delete",
        confirm="The file is deleted. Nothing was written about anybody.",
        when=lambda held: held.status not in {Status.IMPORTING, Status.DONE},
    )
    def discard(self, call: Call) -> HttpResponseBase:
        """Drop a file that wrote nothing."""
        imports.discard(call.obj)
        return HttpResponseRedirect(reverse("admin:messaging_contactimport_changelist"))


def _page_of(held: ContactImport) -> str:
    return reverse("admin:messaging_contactimport_change", args=[held.pk])


def _upload(form: UploadForm, request: HttpRequest) -> ContactImport | None:
    file = form.cleaned_data["file"]
    name = form.cleaned_data["list_name"]
    try:
        return imports.create(
            file=file.file,
            filename=file.name,
            by=pages.reader(request),
            choices={"list_name": name} if name else None,
            now=timezone.now(),
            keep_rights=partial(asking.keep_rights, request, MANAGE),
        )
    except ProjectError as error:
        form.add_error(error.attr if error.attr in form.fields else None, error.detail)
        return None


def _configure(form: MappingForm, held: ContactImport, request: HttpRequest) -> bool:
    given: dict[str, Any] = {
        "mapping": form.mapping(),
        "changes": form.changes(),
        "now": timezone.now(),
    }
    try:
        look = imports.look_again(held, given["changes"])
        outward.write(
            partial(imports.configure, held, look=look, **given),
            keep_rights=partial(asking.keep_rights, request, MANAGE),
        )
    except ProjectError as error:
        form.add_error(_field_of(error, held, form), error.detail)
        return False
    return True


def _field_of(error: ProjectError, held: ContactImport, form: MappingForm) -> str | None:
    attr = str(error.attr or "")
    column = attr.removeprefix("mapping.")
    if attr != column and column in held.columns:
        return f"{PREFIX}{held.columns.index(column)}"
    return attr if attr in form.fields else None


def _facts(held: ContactImport) -> dict[str, Any]:
    totals = [_total(code, count) for code, count in held.verdicts.items() if count]
    order = {"good": 0, "warn": 1, "bad": 2}
    percent = 100 * held.rows_done // held.rows_total if held.rows_total else 0
    return {
        "held": held,
        "is_working": held.status in WORKING,
        "percent": percent,
        "totals": sorted(totals, key=lambda one: (order[one.tone], -one.count)),
        "sample": [_sample(one) for one in held.sample[:20]],
        "has_address": bool({"phone", "bsuid"} & set(held.mapping.values())),
        "imported": sum(one.count for one in totals if one.tone != "bad"),
    }


def _total(code: str, count: int) -> Total:
    label, tone = VERDICTS.get(code, (code.replace("_", " "), "bad"))
    return Total(label, tone, count)


def _sample(one: Mapping[str, Any]) -> SampleRow:
    label, tone = VERDICTS.get(str(one["verdict"]), (str(one["verdict"]), "bad"))
    short = label.partition(":")[0] if tone == "bad" else label.partition(",")[0]
    return SampleRow(one["row"], one["cells"], short, tone, one["reason"])
