"""Pages of other people's apps: hidden, or shown in the admin's look to platform admins.

What an app registers for itself ignores businesses and our permissions, so nothing it registered
stays as it was.
"""

from __future__ import annotations

from typing import Any, ClassVar

from axes.models import AccessAttempt
from axes.utils import reset
from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from django_celery_beat.models import PeriodicTask
from unfold.enums import ActionVariant

from config.lib.admin import Call, EmptyState, PlatformAdmin, ReadOnlyAdmin, bulk, verb
from config.lib.admin.bases import TenantAdmin
from config.lib.admin.rendering import ago, badge, code


def take_over() -> None:
    """Unregister what other apps registered, and register what is worth a page."""
    for model, page in list(admin.site._registry.items()):
        if not isinstance(page, TenantAdmin):
            admin.site.unregister(model)
    admin.site.register(PeriodicTask, PeriodicTaskAdmin)
    admin.site.register(AccessAttempt, AccessAttemptAdmin)


class _PlatformReadOnly(PlatformAdmin[Any], ReadOnlyAdmin[Any]):
    """Seen by platform admins, changed by buttons only."""

    permissions: ClassVar[dict[str, str]] = {"view": "platform"}


class PeriodicTaskAdmin(_PlatformReadOnly):
    """What beat starts, how often, and when it last did."""

    list_display = ("name", "task", "how_often", "state", "last", "total_run_count")
    list_select_related = ("interval", "crontab", "solar", "clocked")
    list_filter = ("enabled",)
    search_fields = ("name", "task")
    fields = ("name", "how", "how_often", "state", "last", "total_run_count", "description")
    readonly_fields = fields
    actions_detail = ("turn_off", "turn_on")
    empty_state = EmptyState(
        "Beat has not started yet",
        "Periodic jobs are written here when beat starts for the first time.",
        icon="schedule",
    )

    @admin.display(description="task")
    def how(self, row: PeriodicTask) -> SafeString:
        """Show the job's name."""
        return code(row.task)

    @admin.display(description="how often")
    def how_often(self, row: PeriodicTask) -> str:
        """Show the schedule in words."""
        return str(row.scheduler)

    @admin.display(description="state")
    def state(self, row: PeriodicTask) -> SafeString:
        """Show whether it runs."""
        return badge("On", "success") if row.enabled else badge("Off", "danger")

    @admin.display(description="last run")
    def last(self, row: PeriodicTask) -> SafeString | str:
        """Show when it last ran."""
        return ago(row.last_run_at, timezone.now())

    @verb(
        "Turn off",
        permission="",
        is_for_platform=True,
        icon="toggle_off",
        variant=ActionVariant.DANGER,
        confirm="Nothing does this work while it is off: messages may wait, statuses stay unknown, "
        "backups stop.",
        when=lambda row: row.enabled,
    )
    def turn_off(self, call: Call) -> str:
        """Start it no more."""
        return self._set(call.obj, enabled=False)

    @verb(
        "Turn on",
        permission="",
        is_for_platform=True,
        icon="toggle_on",
        when=lambda row: not row.enabled,
    )
    def turn_on(self, call: Call) -> str:
        """Start it again."""
        return self._set(call.obj, enabled=True)

    def _set(self, row: PeriodicTask, *, enabled: bool) -> str:
        row.enabled = enabled
        row.save()
        return f"{row.name} is {'on' if enabled else 'off'}."


class AccessAttemptAdmin(_PlatformReadOnly):
    """Wrong passwords that count towards a lock."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start")
    search_fields = ("username", "ip_address")
    fields = (*list_display, "user_agent", "path_info")
    readonly_fields = fields
    actions = ("unlock",)
    empty_state = EmptyState(
        "Nobody is locked out",
        "Five wrong passwords for one e-mail from one address close that pair for a quarter of an "
        "hour. Such attempts appear here and can be forgiven.",
        icon="lock_open",
    )

    @bulk("Forgive: let them try again", permission="businesses.create")
    def unlock(self, call: Call, rows: Any) -> str:
        """Forget the attempts of these pairs."""
        count = sum(reset(ip=row.ip_address, username=row.username) for row in rows)
        return f"{count} attempts forgiven."
