"""Consent: the list of states, one person's standing, the ledger."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from compliance import audit, consent, evidence, ledger, persons, proof
from compliance.admin import imports
from compliance.audit import reads
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope
from config.lib import moments
from config.lib.addresses import Address, InvalidAddress, mask
from config.lib.admin import Call, EmptyState, OperatorForm, ReadOnlyAdmin, Step, verb
from config.lib.admin.asking import in_steps
from config.lib.admin.lists import PeriodFilter
from config.lib.admin.rendering import ago, badge, json_block

_VIEW, _MANAGE = "consent.view", "consent.manage"
_TONES = {"opted_in": "success", "opted_out": "danger", "blocked": "warning"}
_SCOPES = [("all", "Everything"), *Scope.choices]


def _region(request: Any) -> str | None:
    access = getattr(request, "access", None)
    return access.business.region if access and access.business else None


class PersonForm(OperatorForm):
    """Who it is about."""

    address = forms.CharField(
        label="Phone number or Meta user id",
        max_length=140,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
        help_text="In any common spelling; without a country code it is one of your country.",
    )

    def clean_address(self) -> str:
        """Read the address as the key consent is filed under."""
        try:
            return Address.parse(self.cleaned_data["address"], region=_region(self.request)).key
        except InvalidAddress as error:
            raise forms.ValidationError(error.detail) from error


class OptOutForm(PersonForm):
    """An opt-out told to us by another way."""

    scope = forms.ChoiceField(choices=_SCOPES, initial="all")
    reason = forms.CharField(max_length=200, help_text="For example: asked by phone on Tuesday.")


class OptInForm(PersonForm):
    """A consent given to us by another way."""

    scope = forms.ChoiceField(choices=_SCOPES, initial=Scope.MARKETING)
    reason = forms.CharField(
        label="Source", max_length=200, help_text="Where and how the person agreed."
    )
    wording = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=4000,
        help_text="The sentence the person agreed to, word for word.",
    )


class _OfAddress:
    """Search by address, however it is spelt."""

    search_fields: ClassVar[Any] = ("address__exact",)
    search_help_text: ClassVar[Any] = "A whole phone number, in any spelling, or a Meta user id."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the person's rows by the key of the address."""
        if not search_term.strip():
            return queryset, False
        try:
            key = Address.parse(search_term, region=_region(request)).key
        except InvalidAddress:
            return queryset.none(), False
        return queryset.filter(address=key), False

    @admin.display(description="person")
    def person(self, row: Any) -> str:
        """Show the address without its middle."""
        return mask(row.address)

    @admin.display(description="status")
    def state(self, row: Any) -> SafeString:
        """Show whether the person agreed."""
        until = getattr(row, "blocked_until", None)
        parts = [badge(row.get_status_display(), _TONES[row.status])] if row.status else []
        if until and until > timezone.now():
            parts.append(badge("Blocked", "warning", title=f"Until {moments.text(until)}"))
        return format_html_join(" ", "{}", ((part,) for part in parts or [badge("Nothing said")]))


@admin.register(Consent)
class ConsentAdmin(_OfAddress, ReadOnlyAdmin[Consent]):
    """Where people stand now, the last changed first."""

    permissions: ClassVar[dict[str, str]] = {"view": _VIEW}
    list_key = "changed_at"
    list_display = ("person", "scope", "state", "changed")
    list_filter = ("status", "scope")
    fields = ("person", "scope", "state", "changed_at", "because")
    readonly_fields = fields
    list_select_related = ("event",)
    actions_list = ("look_up", "opt_out", "opt_in", "import_file", "proof")
    empty_state = EmptyState(
        "No consent is known yet",
        "Nobody may be written to with a template before they agreed. Import contacts with their "
        "consent, record one here, or let programs record it over the API.",
        icon="verified_user",
        steps=(
            Step("Import contacts", "admin:messaging_contactimport_add", "contacts.manage"),
            Step("Record a consent", "admin:compliance_consent_opt_in", _MANAGE),
        ),
    )

    @admin.display(description="changed")
    def changed(self, row: Consent) -> str:
        """Show since when."""
        return ago(row.changed_at, timezone.now())

    @admin.display(description="because of")
    def because(self, row: Consent) -> str:
        """Show the event that decided it."""
        return f"{row.event.get_source_display()}: {row.event.reason or 'no reason given'}"

    @verb("Look up a person", permission=_VIEW, icon="person_search", form=PersonForm)
    def look_up(self, call: Call) -> HttpResponseBase:
        """Show one person's standing and ledger."""
        id_ = mask(persons.keys_of(call.data["address"])[0])
        reads.note(action="consent.viewed", resource="consent", resource_id=id_, access=call.by)
        return self._show(call)

    @verb(
        "Record an opt-out",
        permission=_MANAGE,
        icon="front_hand",
        form=OptOutForm,
        variant=ActionVariant.WARNING,
    )
    def opt_out(self, call: Call) -> HttpResponseBase:
        """Withdraw consent; what waits for the person is not sent any more."""
        self._record(call, ConsentStatus.OPTED_OUT)
        return self._show(call, done="The opt-out is recorded.")

    @verb("Record a consent", permission=_MANAGE, icon="how_to_reg", form=OptInForm)
    def opt_in(self, call: Call) -> HttpResponseBase:
        """Record that the person agreed."""
        self._record(call, ConsentStatus.OPTED_IN)
        return self._show(call, done="The consent is recorded.")

    @verb("Proof", permission=_VIEW, icon="verified", form=PersonForm)
    def proof(self, call: Call) -> HttpResponseBase:
        """Hand out a signed page of everything one person agreed to and refused."""
        return proof.answer(proof.make(call.data["address"], by=call.by, now=call.now))

    @verb("Import", permission=_MANAGE, icon="upload_file")
    def import_file(self, call: Call) -> HttpResponseBase:
        """Lead to the page that takes a file."""
        return HttpResponseRedirect(reverse("admin:compliance_consent_import"))

    def get_urls(self) -> list[URLPattern]:
        """Add the page that takes a file."""
        page = self.admin_site.admin_view(self.import_page)
        return [path("import/", page, name="compliance_consent_import"), *super().get_urls()]

    @in_steps
    def import_page(self, request: HttpRequest) -> HttpResponseBase:
        """Take a file: look at it, then write it."""
        return imports.view(self, request)

    @transaction.atomic
    def _record(self, call: Call, status: ConsentStatus) -> None:
        reach = persons.keys_to_stop if status == ConsentStatus.OPTED_OUT else persons.keys_of
        consent.record(
            addresses=persons.hold(lambda: reach(call.data["address"])),
            scopes=consent.expand(call.data["scope"]),
            status=status,
            source=ConsentEvent.Source.ADMIN,
            occurred_at=call.now,
            now=call.now,
            reason=call.data["reason"],
            wording=call.data.get("wording", ""),
            evidence={"kind": "operator", "operator": call.by.actor_name},
            actor=call.by.user,
        )
        audit.record(
            action=f"consent.{status.value}",
            resource="consent",
            details={"scope": call.data["scope"]},
            actor=call.by.user,
            actor_name=call.by.actor_name,
        )

    def _show(self, call: Call, done: str = "") -> TemplateResponse:
        keys = persons.keys_of(call.data["address"])
        context = {
            **self.admin_site.each_context(call.request),
            "opts": self.opts,
            "title": mask(keys[0]),
            "done": done,
            "standing": consent.state(keys, now=call.now).values(),
            "ledger": ledger.statements(ledger.list_events(keys).select_related("actor")[:400]),
            "now": call.now,
            "may_manage": "consent.manage" in call.by.permissions,
        }
        return TemplateResponse(call.request, "admin/consent_person.html", context)


class LedgerPeriod(PeriodFilter):
    """The last month unless more is asked for."""

    default_days = 30


@admin.register(ConsentEvent)
class ConsentEventAdmin(_OfAddress, ReadOnlyAdmin[ConsentEvent]):
    """The ledger: every consent and opt-out ever told, newest first."""

    permissions: ClassVar[dict[str, str]] = {"view": _VIEW}
    list_display = ("occurred_at", "person", "scope", "state", "source", "reason")
    list_filter = (LedgerPeriod, "status", "scope", "source")
    fields = (
        "occurred_at",
        "person",
        "scope",
        "state",
        "source",
        "reason",
        "wording",
        "language",
        "until",
        "kind",
        "proof",
        "ip_address",
        "actor",
        "recorded_at",
    )
    readonly_fields = fields
    empty_state = EmptyState(
        "The ledger is empty in this time",
        "Every consent and opt-out is written here and never changed.",
        icon="history",
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Call the rows what people call them."""
        return super().changelist_view(
            request, {"title": "Consent ledger", **(extra_context or {})}
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Call the page what people call it."""
        title = {"title": "Line of the consent ledger"}
        return super().changeform_view(
            request, object_id, form_url, {**title, **(extra_context or {})}
        )

    @admin.display(description="kind of proof")
    def kind(self, row: ConsentEvent) -> str:
        """Say what kind of evidence it is."""
        return evidence.label(row.evidence)

    @admin.display(description="proof")
    def proof(self, row: ConsentEvent) -> SafeString:
        """Show the evidence."""
        return json_block(row.evidence)
