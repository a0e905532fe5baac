"""The operators' admin site."""

from django.contrib.admin.apps import AdminConfig


class SwitchboardAdminConfig(AdminConfig):
    """Installs unfold's admin site as Django's default."""

    default_site = "unfold.sites.UnfoldAdminSite"
