"""Erasures of several people: who is named, and the batches they are in."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from compliance.privacy import mass, named, requests
from compliance.privacy.models import PrivacyBatch, PrivacyRequest
from config.lib.admin import Call, EmptyState, OperatorForm, ReadOnlyAdmin, Step, verb
from config.lib.admin.asking import access_of
from config.lib.admin.rendering import bar
from config.lib.errors import InvalidInput

_MANAGE = "privacy.manage"
_LARGEST: Final = 1024 * 1024
Status = PrivacyRequest.Status


class SeveralForm(OperatorForm):
    """People to be erased together."""

    people = forms.CharField(
        label="Phone numbers or Meta user ids",
        required=False,
        strip=False,  # lines keep their numbers
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="One a line, with or without a name or more beside it, behind a comma, semicolon "
        "or tab: the first number of the line counts.",
    )
    file = forms.FileField(
        required=False,
        label="Or a file",
        help_text="CSV or text, read like the lines above. At most 1,000 people.",
    )
    source = forms.CharField(
        label="Why these people",
        max_length=120,
        help_text="Without names: “No purchase since 2021”.",
    )

    def clean(self) -> dict[str, Any]:
        """Read every line; name those that are not understood."""
        data = super().clean() or {}
        keys = {**self._read("people", data.get("people", "")), **self._read_file(data)}
        if len(keys) > mass.MOST:
            self.add_error("people", f"At most {mass.MOST:,} people at once.")
        elif not keys and not self.errors:
            self.add_error("people", "Name at least one person.")
        if not self.errors:
            data["named"] = [requests.identify(address=key) for key in keys]
        return data

    def _read_file(self, data: dict[str, Any]) -> dict[str, None]:
        file = data.get("file")
        if file is None:
            return {}
        if file.size > _LARGEST:
            self.add_error("file", "The file is larger than 1 MB.")
            return {}
        return self._read("file", file.read().decode("utf-8-sig", "replace"), of=" of the file")

    def _read(self, name: str, text: str, of: str = "") -> dict[str, None]:
        """Return the keys of a text, in order; findings stand beside the field."""
        access = access_of(self.request)
        region = access.business.region if access and access.business else None
        try:
            found = named.read(text, region=region, most=mass.MOST, of=of)
        except InvalidInput as error:
            self.add_error(name, error.detail)
            return {}
        if found.findings:
            self.add_error(name, found.told())
        return dict.fromkeys(found.keys)


@admin.register(PrivacyBatch)
class PrivacyBatchAdmin(ReadOnlyAdmin[PrivacyBatch]):
    """Erasures of several people."""

    permissions: ClassVar[dict[str, str]] = {"view": _MANAGE}
    list_display = ("why", "count", "status", "created_at")
    list_filter = ("status",)
    fields = ("why", "count", "people", "status", "created_by", "created_at", "finished")
    readonly_fields = fields
    actions_detail = ("start", "withdraw")
    empty_state = EmptyState(
        "No erasure of several people yet",
        "Name people by their numbers, or choose them on the list of contacts.",
        icon="group_remove",
        steps=(Step("Name people", "admin:compliance_privacyrequest_ask_several", _MANAGE),),
    )

    @admin.display(description="why these people", ordering="source")
    def why(self, row: PrivacyBatch) -> str:
        """Show the reason somebody gave when naming them."""
        return row.source

    @admin.display(description="people", ordering="size")
    def count(self, row: PrivacyBatch) -> int:
        """Show how many they are."""
        return row.size

    @admin.display(description="who")
    def people(self, row: PrivacyBatch) -> str:
        """Show the first of them, without the middle of their numbers."""
        return mass.who(row)

    @admin.display(description="erased so far")
    def finished(self, row: PrivacyBatch) -> SafeString:
        """Show how many of them are done."""
        return bar(
            row.requests(manager="objects").filter(status=Status.DONE).count(),
            row.size,
            label="People erased",
        )

    @verb(
        "Start",
        permission=_MANAGE,
        icon="play_arrow",
        variant=ActionVariant.DANGER,
        confirm="Everything about these people is deleted, and cannot be brought back. Where your "
        "security settings want two people, somebody else has to approve it first.",
        when=lambda row: row.status == PrivacyBatch.Status.WAITING,
    )
    def start(self, call: Call) -> str:
        """Begin with all of them."""
        mass.start(batch=call.obj, by=call.by, now=call.now)
        return "The people are being erased, one by one."

    @verb(
        "Withdraw",
        permission=_MANAGE,
        icon="undo",
        confirm="Nobody of them is erased; the requests are closed.",
        when=lambda row: row.status == PrivacyBatch.Status.WAITING,
    )
    def withdraw(self, call: Call) -> str:
        """Close all of them."""
        mass.withdraw(batch=call.obj, by=call.by, now=call.now)
        return "The erasures are withdrawn."
