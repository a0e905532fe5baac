"""The operators' admin: branding, navigation, dashboard."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy

from config.env import BASE_DIR

STATICFILES_DIRS = [BASE_DIR / "config" / "static"]

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# A function of the caller's access that gives what `admin/index.html` shows.
DASHBOARD = "analytics.dashboard.read"

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Switchboard",
    "SITE_HEADER": "Switchboard",
    "SITE_SYMBOL": "forum",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("switchboard/icon.svg"),
        },
    ],
    "SHOW_HISTORY": "config.navigation.shows_history",
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("switchboard/admin.css")],
    "SCRIPTS": [lambda request: static("switchboard/admin.js")],
    "BORDER_RADIUS": "8px",
    "COLORS": {
        # White text on 600 and 600 on white have a contrast above 4.5.
        "primary": {
            "50": "oklch(97.9% .021 166.113)",
            "100": "oklch(95% .052 163.051)",
            "200": "oklch(90.5% .093 164.15)",
            "300": "oklch(84.5% .143 164.978)",
            "400": "oklch(76.5% .177 163.223)",
            "500": "oklch(69.6% .17 162.48)",
            "600": "oklch(50.8% .118 165.612)",
            "700": "oklch(43.2% .095 166.913)",
            "800": "oklch(37.8% .077 168.94)",
            "900": "oklch(26.2% .051 172.552)",
            "950": "oklch(20% .04 172.552)",
        },
    },
    "ACCOUNT": {
        "navigation": [
            {"title": "Where I am signed in", "link": reverse_lazy("admin:own_page")},
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Second factor", "link": reverse_lazy("admin:second_factor")},
        ],
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "config.navigation.build",
    },
}
