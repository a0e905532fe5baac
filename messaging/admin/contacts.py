"""People: the list and a person's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib import messages as flash
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html_join

from compliance.models import ConsentStatus, Scope
from config.lib import addresses
from config.lib.admin import Call, EmptyState, Step, TenantAdmin, asking, verb
from config.lib.admin.rendering import ago, badge
from config.lib.errors import ProjectError
from messaging.admin import consents, pages
from messaging.admin.chosen import ACTIONS, MANAGE, ChosenPeople
from messaging.admin.consents import ConsentVerbs
from messaging.admin.forms.contacts import ContactForm
from messaging.admin.groups import PERMISSIONS
from messaging.contacts import editing
from messaging.contacts.models import Contact, ContactList, ContactTag, ListEntry, Tag
from messaging.inbox import bubbles, person

_TONES = {ConsentStatus.OPTED_IN: "success", ConsentStatus.OPTED_OUT: "danger"}
_OFFERED = 100


class TagFilter(admin.SimpleListFilter):
    """People who carry a tag."""

    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the first hundred tags by name."""
        return [(str(tag.pk), tag.name) for tag in Tag.objects.order_by("name")[:_OFFERED]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        """Narrow to the tag."""
        chosen = self.value()
        if not chosen or not chosen.isdecimal() or len(chosen) > 18:
            return queryset
        return queryset.filter(tag_entries__tag_id=int(chosen))


class ListFilter(admin.SimpleListFilter):
    """People on a list."""

    title = "list"
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the hundred newest lists."""
        return [(str(one.pk), one.name) for one in ContactList.objects.order_by("-pk")[:_OFFERED]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        """Narrow to the list."""
        try:
            chosen = UUID(self.value() or "")
        except ValueError:
            return queryset
        return queryset.filter(list_entries__list_id=chosen)


@admin.register(Contact)
class ContactAdmin(ConsentVerbs, ChosenPeople, TenantAdmin[Contact]):
    """People, searched by any of their addresses or by the beginning of their name."""

    permissions: ClassVar[Mapping[str, str]] = PERMISSIONS
    list_display = ("who", "phone", "groups", "consent", "last_message")
    list_filter = (TagFilter, ListFilter)
    search_fields = ("phone_key__exact",)
    search_help_text = "A phone number in any spelling, a Meta user id, or the beginning of a name."
    actions: Any = ACTIONS
    actions_detail = ("edit", "opt_in", "opt_out", "block", "unblock", "proof")
    empty_state = EmptyState(
        title="Nobody here yet",
        text="Import the people who agreed to hear from you from a CSV or Excel file, or add one "
        "by hand. People who write to you appear by themselves.",
        icon="group",
        steps=(
            Step("Import a file", "admin:messaging_contactimport_add", MANAGE, icon="upload_file"),
            Step("Add a person", "admin:messaging_contact_add", MANAGE, icon="person_add"),
        ),
    )

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave out consent for who may not see it."""
        shown = super().get_list_display(request)
        may_see = asking.allows(request, "consent.view")
        return shown if may_see else tuple(name for name in shown if name != "consent")

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that act on chosen people."""
        return [
            pages.route(self, "group/<slug:what>/", self.group_view, "group"),
            *super().get_urls(),
        ]

    # the list

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        """Find by phone in any spelling, by Meta user id, or by the beginning of a name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        region = pages.business_of(request).region or None
        try:
            found = addresses.Address.parse(term, region=region)
        except addresses.InvalidAddress:
            return queryset.filter(name__istartswith=term), False
        return queryset.filter(Q(phone_key=found.key) | Q(bsuid=found.key)), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read what stands beside the people of the page at once."""
        changelist = super().get_changelist_instance(request)
        page: list[Any] = list(changelist.result_list)
        may_see = asking.allows(request, "consent.view")
        states = person.consents(page) if may_see else {}
        times = person.last_message_times(page)
        groups: dict[UUID, list[str]] = {}
        entries = ContactTag.objects.filter(contact_id__in=[one.pk for one in page])
        for contact_id, name in entries.values_list("contact_id", "tag__name"):
            groups.setdefault(contact_id, []).append(name)
        for one in page:
            one.consents = states.get(one.pk, {})
            one.last_message_at = times.get(one.pk)
            one.tag_names = sorted(groups.get(one.pk, ()))
        changelist.result_list = page
        return changelist

    @admin.display(description="Name")
    def who(self, contact: Contact) -> str:
        """Show the name, else the address."""
        return contact.name or contact.username or addresses.mask(contact.address)

    @admin.display(description="Tags")
    def groups(self, contact: Any) -> str:
        """Show the first tags."""
        names = contact.tag_names
        return ", ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")

    @admin.display(description="Consent")
    def consent(self, contact: Any) -> str:
        """Show one badge for what is said alike in several scopes."""
        return _consent_badges(contact.consents)

    @admin.display(description="Last message")
    def last_message(self, contact: Any) -> str:
        """Show how long ago."""
        return ago(contact.last_message_at, timezone.now(), never="—")

    # one person

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Add a person by hand."""
        asking.require(request, MANAGE)
        form = ContactForm(request.POST or None, request=request)
        return self._edit(request, form, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a person: who they are, whether they may be written to, what was said."""
        asking.require(request, "contacts.view")
        contact: Contact = pages.find(Contact.objects.all(), object_id)
        now = timezone.now()
        found = person.list_threads(contact, now=now)
        recent = person.recent_messages(contact) if _may_read(request) else []
        on = ListEntry.objects.filter(contact=contact).select_related("list")
        return pages.show(
            self,
            request,
            "contact",
            title=str(contact.name or contact.username or "Contact"),
            original=contact,
            contact=contact,
            threads=found,
            **consents.facts(request, contact, found, now=now),
            recent=list(zip(recent, bubbles.draw(recent), strict=True)),
            tags=Tag.objects.filter(entries__contact=contact).order_by("name"),
            lists=[entry.list for entry in on[:20]],
            now=now,
        )

    def _edit(
        self, request: HttpRequest, form: ContactForm, contact: Contact | None
    ) -> HttpResponse:
        if request.method == "POST" and form.is_valid():
            saved = _save(form, contact, request)
            if saved is not None:
                flash.success(request, "Saved.")
                return HttpResponseRedirect(
                    reverse("admin:messaging_contact_change", args=[saved.pk])
                )
        back = (
            reverse("admin:messaging_contact_change", args=[contact.pk])
            if contact
            else reverse("admin:messaging_contact_changelist")
        )
        return pages.show(
            self,
            request,
            "ask",
            title="Change a person" if contact else "Add a person",
            form=form,
            submit="Save",
            back=back,
        )

    @verb("Edit", permission=MANAGE, icon="edit", form=ContactForm, submit="Save")
    def edit(self, call: Call) -> str:
        """Change the person's own fields."""
        editing.update(call.obj, fields=call.data, by=call.by.user, now=call.now)
        return "Saved."

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        """Delete somebody nobody wrote to."""
        editing.delete(obj, by=pages.reader(request), now=timezone.now())


def _save(form: ContactForm, contact: Contact | None, request: HttpRequest) -> Contact | None:
    by = pages.reader(request)
    try:
        if contact is None:
            return editing.create(fields=form.cleaned_data, by=by, now=timezone.now())
        return editing.update(contact, fields=form.cleaned_data, by=by, now=timezone.now())
    except ProjectError as error:
        form.add_error(error.attr if error.attr in form.fields else None, error.detail)
        return None


def _may_read(request: HttpRequest) -> bool:
    return bool(asking.allows(request, "messages.view"))


def _consent_badges(states: Mapping[str, str]) -> str:
    if not states:
        return badge("none")
    if len(states) == len(Scope) and len(set(states.values())) == 1:
        status = ConsentStatus(next(iter(states.values())))
        return badge(f"all {_short(status)}", _TONES[status])
    parts = [
        badge(scope.label, _TONES[ConsentStatus(states[scope])], title=_long(states[scope]))
        for scope in Scope
        if scope in states
    ]
    return format_html_join(" ", "{}", ((part,) for part in parts))


def _short(status: ConsentStatus) -> str:
    return "in" if status == ConsentStatus.OPTED_IN else "out"


def _long(status: str) -> str:
    return str(ConsentStatus(status).label)
