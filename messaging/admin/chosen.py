"""What is done to several people chosen on the list: tag, enlist, opt out, erase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib import admin
from django.contrib import messages as flash
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from compliance.models import ConsentStatus
from compliance.privacy import mass, requests
from config.lib.admin import asking
from config.lib.errors import ProjectError
from messaging.admin import consents, pages
from messaging.admin.forms.contacts import EraseForm, ListForm, OptOutForm, TagForm
from messaging.contacts import lists, tags
from messaging.contacts.models import Contact

MANAGE: Final = "contacts.manage"
ACTIONS: Final = ("add_tags", "add_to_list", "opt_out_chosen", "erase_chosen")
_CHOSEN: Final = "contacts_chosen"


class ChosenPeople:
    """The entries of the list's action menu, and the page that asks before they act."""

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
            title=f"{task.title}: {headcount(len(chosen))}",
            form=form,
            submit=task.title,
            back=back,
            lead=", ".join(str(one) for one in chosen[:8]) + (" …" if len(chosen) > 8 else ""),
        )


class _Task:
    """Something done to several people after a question."""

    def __init__(self, title: str, permission: str, form: Any, do: Any) -> None:
        self.title, self.permission, self.form, self.do = title, permission, form, do


def _tag(chosen: Sequence[Contact], data: dict[str, Any], request: HttpRequest) -> str:
    ids = [one.pk for one in chosen]
    new = tags.add(contacts=ids, names=data["tags"], by=pages.reader(request))
    return f"{headcount(len(chosen))}: {new} {'tag was' if new == 1 else 'tags were'} new."


def _enlist(chosen: Sequence[Contact], data: dict[str, Any], request: HttpRequest) -> str:
    found = data["list"] or lists.find_or_create(name=data["name"], by=pages.reader(request))
    new = lists.add(found, contacts=[one.pk for one in chosen])
    return f"{headcount(new)} added to “{found.name}”, {len(chosen) - new} were on it already."


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
    return f"{headcount(len(chosen))} opted out."


def _erase(chosen: Sequence[Contact], data: dict[str, Any], request: HttpRequest) -> str:
    people = [requests.identify(contact_id=one.pk) for one in chosen]
    by = asking.access_of(request)
    named = mass.create(people=people, source=data["source"], by=by, now=timezone.now())
    sentences = [
        f"{headcount(named.batch.size)} named.",
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


def headcount(count: int) -> str:
    """Return "1 person" or "3 people"."""
    return f"{count} person" if count == 1 else f"{count} people"
