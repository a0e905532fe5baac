"""Requests to a second person: read what is asked, approve or reject it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import access, approvals
from accounts.access import Access
from accounts.models import Approval
from config.lib import moments
from config.lib.admin import Call, EmptyState, OperatorForm, ReadOnlyAdmin, asking, verb
from config.lib.admin.rendering import ago, badge

_VIEW: Final = "businesses.view"
_TONES: Final = {
    "open": "warning",
    "approved": "success",
    "rejected": "danger",
    "void": "danger",
    "used": "info",
}
# Where what is asked about can be looked at: on a page of its own, or in a list.
_PAGES: Final = {"campaign": "messaging.campaign", "privacy_batch": "compliance.privacybatch"}
_LISTS: Final = {"owner": "accounts.membership", "security_policy": "accounts.securitypolicy"}


class RejectForm(OperatorForm):
    """Why not."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Whoever asked reads it.",
    )


def _is_open(row: Approval) -> bool:
    return approvals.state_of(row, timezone.now()) == Approval.Status.OPEN


def _is_live(row: Approval) -> bool:
    return approvals.state_of(row, timezone.now()) in Approval.LIVE


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin[Approval]):
    """What waits for a second person, and what became of it."""

    permissions: ClassVar[dict[str, str]] = {"view": _VIEW}
    is_small = True
    list_display = ("title", "kind", "state", "requester", "asked", "until")
    list_filter = ("status", "kind")
    search_fields = ("title", "requester")
    actions_detail = ("approve", "reject", "withdraw")
    empty_state = EmptyState(
        "Nothing waits for a second person",
        "Requests appear here by themselves, when somebody starts what the security settings give "
        "to two people: a large campaign, a new owner, an erasure.",
        icon="how_to_reg",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        """Return what the reader asked for or may decide."""
        caller = access.of(request)
        rows: QuerySet[Approval] = super().get_queryset(request)
        if caller is None:
            return rows.none()
        return approvals.list_visible(caller)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show what is asked in plain words, and what became of it."""
        row = self.get_object(request, object_id)
        caller = access.of(request)
        if row is None or caller is None:
            raise Http404
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": row.title or row.get_kind_display(),
            "original": row,
            "row": row,
            "state": self.state(row),
            "sentence": _sentence(row, caller),
            "lines": row.summary,
            "people": approvals.find_people(row, by=caller, now=timezone.now()),
            "subject_url": _url_of(row, request),
            "actions_detail": self.get_actions_detail(request, object_id),
            "may_decide": approvals.may_decide(row, caller, timezone.now()),
            "may_withdraw": _is_live(row) and _is_of(row, caller),
        }
        return TemplateResponse(request, "admin/approval.html", context)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Show the buttons within the page instead of above it."""
        return []

    @admin.display(description="state")
    def state(self, row: Approval) -> SafeString:
        """Show where it stands."""
        found = approvals.state_of(row, timezone.now())
        return badge(Approval.Status(found).label, _TONES.get(found, "muted"))

    @admin.display(description="asked")
    def asked(self, row: Approval) -> SafeString | str:
        """Show when it was asked."""
        return ago(row.requested_at, timezone.now())

    @admin.display(description="stands until")
    def until(self, row: Approval) -> str:
        """Show when it ends by itself."""
        return moments.short(row.expires_at) if _is_live(row) else "—"

    @verb(
        "Approve",
        permission=_VIEW,
        icon="check",
        variant=ActionVariant.PRIMARY,
        confirm="You agree to exactly what stands on the page before. Whoever asked can then do "
        "it, once, within 7 days. If any of it changes, your approval ends.",
        when=_is_open,
    )
    def approve(self, call: Call) -> str:
        """Agree."""
        done = approvals.approve(approval=call.obj, by=call.by, now=call.now)
        return f"Approved. {done.requester} can do it until {moments.text(done.expires_at)}."

    @verb(
        "Reject",
        permission=_VIEW,
        icon="close",
        variant=ActionVariant.DANGER,
        form=RejectForm,
        when=_is_open,
    )
    def reject(self, call: Call) -> str:
        """Refuse."""
        approvals.reject(approval=call.obj, reason=call.data["reason"], by=call.by, now=call.now)
        return "Rejected."

    @verb(
        "Withdraw",
        permission=_VIEW,
        icon="undo",
        confirm="The request, or the approval, ends. It can be asked for again.",
        when=_is_live,
    )
    def withdraw(self, call: Call) -> str:
        """Take it back."""
        approvals.withdraw(approval=call.obj, by=call.by, now=call.now)
        return "Taken back."


def _is_of(row: Approval, caller: Access) -> bool:
    return caller.user is not None and caller.user.pk in {row.requested_by_id, row.decided_by_id}


def _url_of(row: Approval, request: HttpRequest) -> str:
    """Return where the reader can look at it; empty where they may not."""
    if name := _PAGES.get(row.subject_type):
        return asking.url_of(request, name, row.subject_id)
    name = _LISTS.get(row.subject_type)
    return asking.url_of_list(request, name) if name else ""


def _sentence(row: Approval, caller: Access) -> str:
    """Say what is to be done now, and by whom."""
    now = timezone.now()
    state = approvals.state_of(row, now)
    until = moments.text(row.expires_at)
    if state == Approval.Status.OPEN:
        if approvals.may_decide(row, caller, now):
            return f"Read it, then approve or reject it. The request ends {until}."
        if caller.user is not None and caller.user.pk == row.requested_by_id:
            return f"You asked for it: somebody else decides, until {until}."
        return f"It waits for somebody with the right to do it themselves, until {until}."
    if state == Approval.Status.APPROVED:
        return f"{row.decider} approved it. It can be done, once, until {until}."
    if state == Approval.Status.REJECTED:
        return f"{row.decider} rejected it: {row.reason}"
    if state == Approval.Status.VOID:
        return row.reason or "It is no longer what was asked about."
    if state == Approval.Status.USED:
        return f"{row.decider} approved it, and it was done."
    return "It ended before it was done."
