"""People: the list, a person's page, tags and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib import messages as flash
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html_join

from compliance.models import ConsentStatus, Scope
from compliance.privacy import mass, requests
from config.lib import addresses
from config.lib.admin import Call, EmptyState, Step, TenantAdmin, asking, verb
from config.lib.admin.rendering import ago, badge, link
from config.lib.errors import ProjectError
from messaging.admin import consents, pages
from messaging.admin.consents import ConsentVerbs
from messaging.admin.forms.contacts import (
    ContactForm,
    EraseForm,
    ListForm,
    OptOutForm,
    TagForm,
)
from messaging.campaigns import audience
from messaging.contacts import editing, lists, tags
from messaging.contacts.models import Contact, ContactList, ContactTag, ListEntry, Tag
from messaging.inbox import bubbles, person

MANAGE = "contacts.manage"
_CONTACTS: Mapping[str, str] = {
    "view": "contacts.view",
    "add": MANAGE,
    "change": MANAGE,
    "delete": MANAGE,
}
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
class ContactAdmin(ConsentVerbs, TenantAdmin[Contact]):
    """People, searched by any of their addresses or by the beginning of their name."""

    permissions: ClassVar[Mapping[str, str]] = _CONTACTS
    list_display = ("who", "phone", "groups", "consent", "last_message")
    list_filter = (TagFilter, ListFilter)
    search_fields = ("phone_key__exact",)
    search_help_text = "A phone number in any spelling, a Meta user id, or the beginning of a name."
    actions: Any = ("add_tags", "add_to_list", "opt_out_chosen", "erase_chosen")
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

    # acting on several

    @admin.action(description="Add tags…")
    def add_tags(self, request: HttpRequest, rows: QuerySet[Contact]) -> HttpResponseBase:
        """Ask for the tags."""
        return self._ask(request, "tags", rows)

    @admin.action(description="Add to a list…")
    def add_to_list(self, request: HttpRequest, rows: QuerySet[Contact]) -> HttpResponseBase:
        """Ask for the list."""
        return self._ask(request, "list", rows)

    @admin.action(description="Opt out…")
    def opt_out_chosen(self, request: HttpRequest, rows: QuerySet[Contact]) -> HttpResponseBase:
        """Ask for the reason."""
        return self._ask(request, "opt-out", rows)

    @admin.action(description="Erase…")
    def erase_chosen(self, request: HttpRequest, rows: QuerySet[Contact]) -> HttpResponseBase:
        """Ask why."""
        return self._ask(request, "erase", rows)

    erase_chosen.permission = "privacy.manage"  # type: ignore[attr-defined]  # read by the bases
    add_tags.permission = MANAGE  # type: ignore[attr-defined]  # read by the bases
    add_to_list.permission = MANAGE  # type: ignore[attr-defined]  # same
    opt_out_chosen.permission = "consent.manage"  # type: ignore[attr-defined]  # same

    def _ask(self, request: HttpRequest, what: str, rows: QuerySet[Contact]) -> HttpResponseBase:
        request.session[_CHOSEN] = [str(key) for key in rows.values_list("pk", flat=True)[:500]]
        return HttpResponseRedirect(reverse("admin:messaging_contact_group", args=[what]))

    @pages.needs("contacts.view")
    def group_view(self, request: HttpRequest, what: str) -> HttpResponseBase:
        """Ask what to do with the people chosen on the list, then do it."""
        task = _TASKS.get(what)
        chosen = list(Contact.objects.filter(pk__in=request.session.get(_CHOSEN, ())))
        back = reverse("admin:messaging_contact_changelist")
        if task is None or not chosen:
            flash.warning(request, "Choose people on the list first.")
            return HttpResponseRedirect(back)
        asking.require(request, task.permission)
        form = task.form(request.POST or None, request=request)
        if request.method == "POST" and form.is_valid():
            try:
                sentence = task.do(chosen, form.cleaned_data, request)
            except ProjectError as error:
                return pages.refused(request, error, back)
            flash.success(request, sentence)
            return HttpResponseRedirect(back)
        return pages.show(
            self,
            request,
            "ask",
            title=f"{task.title}: {_people(len(chosen))}",
            form=form,
            submit=task.title,
            back=back,
            lead=", ".join(str(one) for one in chosen[:8]) + (" …" if len(chosen) > 8 else ""),
        )

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
        editing.update(call.obj, fields=call.data, by=call.by.user)
        return "Saved."

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        """Delete somebody nobody wrote to."""
        editing.delete(obj, by=pages.reader(request))


@admin.register(Tag)
class TagAdmin(TenantAdmin[Tag]):
    """Words people are grouped by."""

    permissions: ClassVar[Mapping[str, str]] = {"view": "contacts.view", "delete": MANAGE}
    list_display = ("name", "people")
    search_fields = ("name__startswith",)
    empty_state = EmptyState(
        title="No tags yet",
        text="Tags come with an import, or from the list of people: choose some and add a tag.",
        icon="sell",
        steps=(Step("Go to the people", "admin:messaging_contact_changelist", "contacts.view"),),
    )

    @admin.display(description="")
    def people(self, tag: Tag) -> str:
        """Lead to the people."""
        url = reverse("admin:messaging_contact_changelist")
        return link(f"{url}?tag={tag.pk}", "Show the people")

    def delete_model(self, request: HttpRequest, obj: Tag) -> None:
        """Delete the tag; its people stay."""
        tags.delete(obj, by=pages.reader(request))


@admin.register(ContactList)
class ContactListAdmin(TenantAdmin[ContactList]):
    """Named lists: what campaigns go to."""

    permissions: ClassVar[Mapping[str, str]] = _CONTACTS
    by_object = True
    list_display = ("name", "size", "created_at", "people")
    search_fields = ("name__startswith",)
    fields = ("name",)
    empty_state = EmptyState(
        title="No lists yet",
        text="Every import makes a list. You can also choose people and add them to a new one.",
        icon="list_alt",
        steps=(
            Step("Import a file", "admin:messaging_contactimport_add", MANAGE, icon="upload_file"),
        ),
    )

    @admin.display(description="")
    def people(self, one: ContactList) -> str:
        """Lead to the people."""
        url = reverse("admin:messaging_contact_changelist")
        return link(f"{url}?list={one.pk}", "Show the people")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Call the rows what people call them."""
        return super().changelist_view(request, {"title": "Lists", **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Call the page what people call it."""
        title = {"title": "List" if object_id else "New list"}
        return super().changeform_view(
            request, object_id, form_url, {**title, **(extra_context or {})}
        )

    def save_model(self, request: HttpRequest, obj: ContactList, form: Any, change: bool) -> None:
        """Make the list or give it another name."""
        if change:
            lists.rename(obj, name=obj.name, by=pages.reader(request))
        else:
            obj.pk = lists.create(name=obj.name, by=pages.reader(request)).pk

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask, then delete the list; its people stay."""
        rows = ContactList.objects.all()
        found: ContactList = pages.find_allowed(request, rows, object_id, MANAGE)
        back = reverse("admin:messaging_contactlist_change", args=[found.pk])
        try:
            audience.require_unused(found)
        except ProjectError as error:
            return pages.refused(request, error, back)
        if request.method == "POST":
            lists.delete(found, by=pages.reader(request))
            return self.back_to_list(request, f"The list “{found.name}” is deleted.")
        verb = "stands" if found.size == 1 else "stand"
        return pages.show(
            self,
            request,
            "ask",
            title=f"Delete the list “{found.name}”?",
            original=found,
            lead=f"{_people(found.size)} {verb} on this list. They stay contacts.",
            submit="Delete the list",
            is_danger=True,
            back=back,
        )


_CHOSEN = "contacts_chosen"


class _Task:
    """Something done to several people after a question."""

    def __init__(self, title: str, permission: str, form: Any, do: Any) -> None:
        self.title, self.permission, self.form, self.do = title, permission, form, do


def _tag(chosen: Sequence[Contact], data: dict[str, Any], request: HttpRequest) -> str:
    ids = [one.pk for one in chosen]
    new = tags.add(contacts=ids, names=data["tags"], by=pages.reader(request))
    return f"{_people(len(chosen))}: {new} {'tag was' if new == 1 else 'tags were'} new."


def _enlist(chosen: Sequence[Contact], data: dict[str, Any], request: HttpRequest) -> str:
    found = data["list"] or lists.find_or_create(name=data["name"], by=pages.reader(request))
    new = lists.add(found, contacts=[one.pk for one in chosen])
    return f"{_people(new)} added to “{found.name}”, {len(chosen) - new} were on it already."


@transaction.atomic
def _stop(chosen: Sequence[Contact], data: dict[str, Any], request: HttpRequest) -> str:
    for one in chosen:
        consents.record(
            one,
            ConsentStatus.OPTED_OUT,
            by=pages.reader(request),
            scope=data["scope"],
            reason=data["reason"],
            now=timezone.now(),
        )
    return f"{_people(len(chosen))} opted out."


def _erase(chosen: Sequence[Contact], data: dict[str, Any], request: HttpRequest) -> str:
    people = [requests.identify(contact_id=one.pk) for one in chosen]
    by = asking.access_of(request)
    named = mass.create(people=people, source=data["source"], by=by, now=timezone.now())
    sentences = [
        f"{_people(named.batch.size)} named.",
        mass.told(named.skipped),
        "Nothing is deleted yet: look at them under Privacy requests, and start.",
    ]
    return " ".join(filter(None, sentences))


_TASKS: Mapping[str, _Task] = {
    "tags": _Task("Add tags", MANAGE, TagForm, _tag),
    "list": _Task("Add to a list", MANAGE, ListForm, _enlist),
    "opt-out": _Task("Opt out", "consent.manage", OptOutForm, _stop),
    "erase": _Task("Erase", "privacy.manage", EraseForm, _erase),
}


def _save(form: ContactForm, contact: Contact | None, request: HttpRequest) -> Contact | None:
    by = pages.reader(request)
    try:
        if contact is None:
            return editing.create(fields=form.cleaned_data, by=by, now=timezone.now())
        return editing.update(contact, fields=form.cleaned_data, by=by)
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


def _people(count: int) -> str:
    return f"{count} person" if count == 1 else f"{count} people"
