"""What people are grouped by: tags and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.lib.admin import EmptyState, Step, TenantAdmin
from config.lib.admin.rendering import link
from config.lib.errors import ProjectError
from messaging.admin import pages
from messaging.admin.chosen import MANAGE, headcount
from messaging.campaigns import audience
from messaging.contacts import lists, tags
from messaging.contacts.models import ContactList, Tag

PERMISSIONS: Mapping[str, str] = {
    "view": "contacts.view",
    "add": MANAGE,
    "change": MANAGE,
    "delete": MANAGE,
}


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

    permissions: ClassVar[Mapping[str, str]] = PERMISSIONS
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
            lead=f"{headcount(found.size)} {verb} on this list. They stay contacts.",
            submit="Delete the list",
            is_danger=True,
            back=back,
        )
