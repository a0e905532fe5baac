"""The operators' admin site."""

from importlib import import_module

from django.contrib.admin.apps import AdminConfig


class SwitchboardAdminConfig(AdminConfig):
    """Installs our site as Django's default."""

    default_site = "config.operators.OperatorsSite"

    def ready(self) -> None:
        """Register the checks of the deployment too: `config` itself is no app."""
        super().ready()
        import_module("config.checks")
        import_module("config.borrowed_pages").take_over()
