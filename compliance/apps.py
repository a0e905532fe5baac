"""Wiring of the compliance app."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """Consent, opt-out and the audit trail."""

    name = "compliance"
    verbose_name = "Compliance"

    def ready(self) -> None:
        """Listen to accounts; say what is held about people; watch what the settings name."""
        from accounts import approvals
        from compliance import receivers
        from compliance.audit import rows
        from compliance.privacy import holders, mass

        receivers.connect()
        holders.register()
        approvals.watch(mass.SUBJECT, mass.parts_of)
        rows.watch_all()
