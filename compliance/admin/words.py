"""Words that stop messages, beside the shipped ones."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from accounts import access
from compliance import business_words
from compliance.models import OptOutWord
from config.lib.admin import EmptyState, Step, TenantAdmin

# It decides for everybody who writes, so it is a setting of the business.
_MANAGE = "businesses.manage"


@admin.register(OptOutWord)
class OptOutWordAdmin(TenantAdmin[OptOutWord]):
    """What people here write when they want no more messages."""

    permissions: ClassVar[dict[str, str]] = {
        "view": "consent.view",
        "add": _MANAGE,
        "change": _MANAGE,
        "delete": _MANAGE,
    }
    is_small = True
    list_display = ("word", "effect", "language")
    list_filter = ("effect",)
    search_fields = ("word",)
    fields = ("word", "effect", "language")
    empty_state = EmptyState(
        "No words of your own",
        "STOP, UNSUBSCRIBE, BAJA, SAIR and their like in many languages always work. Add what your "
        "customers say beside them. A word counts only when it is the whole message.",
        icon="front_hand",
        steps=(Step("Add a word", "admin:compliance_optoutword_add", _MANAGE),),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Call the rows what people call them."""
        return super().changelist_view(request, {"title": "Opt-out words", **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Call the page what people call it."""
        title = {"title": "Opt-out word" if object_id else "New opt-out word"}
        return super().changeform_view(
            request, object_id, form_url, {**title, **(extra_context or {})}
        )

    def save_model(self, request: HttpRequest, obj: OptOutWord, form: Any, change: bool) -> None:
        """Add or change the word."""
        given = form.cleaned_data
        saved = business_words.put(
            word=given["word"],
            effect=given["effect"],
            language=given["language"],
            by=access.of(request),
            row=OptOutWord.objects.get(pk=obj.pk) if change else None,
        )
        obj.pk, obj.business_id = saved.pk, saved.business_id

    def delete_model(self, request: HttpRequest, obj: OptOutWord) -> None:
        """Remove the word."""
        business_words.remove(row=obj, by=access.of(request))
