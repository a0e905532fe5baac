"""The operators' admin site."""

from importlib import import_module

from django.contrib.admin.apps import AdminConfig


class SwitchboardAdminConfig(AdminConfig):
    """Installs unfold's admin site as Django's default."""

    default_site = "unfold.sites.UnfoldAdminSite"

    def ready(self) -> None:
        """Register the checks of the deployment too: `config` itself is no app."""
        super().ready()
        import_module("config.checks")
