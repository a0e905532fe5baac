"""Every address of the site."""

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from config import health, joining
from config.lib.api import pages

APPS_WITH_API = (
    "accounts",
    "compliance",
    "templates_mgmt",
    "messaging",
    "analytics",
    "reports",
    "backups",
)

ICON = "switchboard/icon.svg"

handler400 = pages.bad_request
handler403 = pages.permission_denied
handler404 = pages.page_not_found
handler500 = pages.server_error

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="root"),
    path("favicon.ico", RedirectView.as_view(url=f"/{settings.STATIC_URL.strip('/')}/{ICON}")),
    path("admin/", admin.site.urls),
    path("invitation/<str:token>/", joining.invitation, name="invitation-page"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", health.metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/redoc/", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
    *(path("api/", include(f"{app}.urls")) for app in APPS_WITH_API if find_spec(f"{app}.urls")),
    re_path(r"^api/", pages.no_such_route),
]
