"""Backups: the history, one now, a verify by hand."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from backups import jobs, runs
from backups.models import Backup
from config.lib.admin import Call, EmptyState, ReadOnlyAdmin, Step, verb
from config.lib.admin.rendering import ago, badge, code, json_block, size

_CREATE = "backups.create"


@admin.register(Backup)
class BackupAdmin(ReadOnlyAdmin[Backup]):
    """Every backup of the installation; one counts only when a verify found nothing."""

    permissions: ClassVar[dict[str, str]] = {"view": "backups.view"}
    list_display = ("started", "trigger", "state", "verdict", "amount", "took", "encrypted")
    list_filter = ("status", "trigger")
    fields = (
        "started",
        "trigger",
        "state",
        "verdict",
        "problems",
        "amount",
        "took",
        "encrypted",
        "location",
        "checksum",
        "key_fingerprint",
        "error",
        "contents",
    )
    readonly_fields = fields
    actions_list = ("run_now",)
    actions_detail = ("prove",)
    empty_state = EmptyState(
        "No backup yet",
        "One is made every night and verified by restoring it. The first can be made now.",
        icon="backup",
        steps=(Step("Back up now", "admin:backups_backup_run_now", _CREATE),),
    )

    @admin.display(description="started")
    def started(self, row: Backup) -> SafeString | str:
        """Show how old it is."""
        return ago(row.started_at, timezone.now())

    @admin.display(description="status")
    def state(self, row: Backup) -> SafeString:
        """Show whether it is stored."""
        tones = {"running": "info", "done": "success", "failed": "danger"}
        return badge(row.get_status_display(), tones[row.status], title=row.error)

    @admin.display(description="verified")
    def verdict(self, row: Backup) -> SafeString:
        """Show whether it was seen to restore."""
        now = timezone.now()
        if row.findings:
            return badge(f"{len(row.findings)} findings", "danger")
        if row.verified_at:
            return format_html("{} {}", badge("Restores", "success"), ago(row.verified_at, now))
        return badge("Not verified", "warning" if row.status == Backup.Status.DONE else "muted")

    @admin.display(description="findings")
    def problems(self, row: Backup) -> SafeString:
        """List what a verify found."""
        found = [one for one in row.findings if isinstance(one, dict)]
        lines = ((one.get("code", ""), one.get("detail", "")) for one in found)
        return format_html_join("", "<div><code>{}</code> {}</div>", lines) or SafeString("none")

    @admin.display(description="size")
    def amount(self, row: Backup) -> str:
        """Show the size of the sealed archive."""
        return size(row.size)

    @admin.display(description="took")
    def took(self, row: Backup) -> str:
        """Show how long it took."""
        if row.finished_at is None:
            return "—"
        return f"{(row.finished_at - row.started_at).total_seconds():.0f} s"

    @admin.display(description="encrypted", boolean=True)
    def encrypted(self, row: Backup) -> bool:
        """Tell whether it is sealed."""
        return row.is_encrypted

    @admin.display(description="SHA-256")
    def checksum(self, row: Backup) -> SafeString:
        """Show the checksum."""
        return code(row.sha256 or "—")

    @admin.display(description="manifest")
    def contents(self, row: Backup) -> SafeString:
        """Show what it says it holds."""
        return json_block(row.manifest)

    @verb(
        "Back up now",
        permission=_CREATE,
        icon="backup",
        variant=ActionVariant.PRIMARY,
    )
    def run_now(self, call: Call) -> str:
        """Have a backup made."""
        runs.request(trigger="manual", now=call.now, by=call.by.user, by_name=call.by.actor_name)
        return "The backup is being made. Reload this page to see it end."

    @verb(
        "Verify",
        permission=_CREATE,
        icon="fact_check",
        when=lambda row: row.status == Backup.Status.DONE,
    )
    def prove(self, call: Call) -> str:
        """Have it restored into a scratch database and compared."""
        jobs.VERIFY.enqueue(backup_id=str(call.obj.pk))
        return "It is restored into a scratch database and compared. Reload to see the findings."
