"""The matrix: what each role may do, and each permission in a sentence."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts import roles
from accounts.models import Role

_TITLES = {roles.PLATFORM_ADMIN: "Platform admin", **dict(Role.choices)}


def show_matrix(admin: Any, request: HttpRequest) -> TemplateResponse:
    """Return the page: permissions by subject down, roles across, highest first."""
    request.current_app = admin.admin_site.name
    matrix = roles.matrix()
    subjects: dict[str, list[dict[str, Any]]] = {}
    for name, sentence in roles.PERMISSIONS.items():
        line = {
            "name": name,
            "sentence": sentence,
            "held": [(_TITLES[role], name in held) for role, held in matrix.items()],
        }
        subjects.setdefault(name.partition(".")[0], []).append(line)
    context = {
        **admin.admin_site.each_context(request),
        "title": "What each role may do",
        "roles": [(_TITLES[role], len(held)) for role, held in matrix.items()],
        "subjects": [(_title(name), lines) for name, lines in subjects.items()],
        "count": len(roles.PERMISSIONS),
    }
    return TemplateResponse(request, "admin/role_matrix.html", context)


def _title(subject: str) -> str:
    return "API keys" if subject == "api_keys" else subject.replace("_", " ").capitalize()
