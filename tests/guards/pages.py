"""Every page of the admin, found in the URL resolver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Business, Membership, User
from tests.guards.tenants import Tenant

# Django's own: the site's words for scripts, a catch-all, and addresses of pages we do not have.
FOREIGN = frozenset({"jsi18n", "view_on_site", "logout", "login", ""})


@dataclass(frozen=True)
class Page:
    """One address of the admin and the parameters it takes."""

    path: str
    name: str
    parameters: tuple[str, ...]
    model: type[Model] | None

    def __str__(self) -> str:
        return f"/{self.path} ({self.name})"

    def url(self, **values: object) -> str:
        """Return the address with these values in it."""
        path = self.path
        for name, value in values.items():
            for kind in ("path", "uuid", "int", "str", "slug"):
                path = path.replace(f"<{kind}:{name}>", str(value))
        return f"/{path}"


def all_pages() -> list[Page]:
    """Return the pages of the admin in order of their addresses."""
    found = [page for page in _walk(get_resolver().url_patterns, "") if page.name not in FOREIGN]
    return sorted(found, key=lambda page: (page.path, page.name))


def row_of(model: type[Model], tenant: Tenant) -> Any:
    """Return the tenant's row of a model; None for models that belong to no business."""
    if model is Business:
        return tenant.business
    if model is User:
        return next(iter(tenant.users.values()))
    if model is Membership or any(field.name == "business" for field in model._meta.fields):
        rows = model._base_manager.filter(business=tenant.business)
        return rows.order_by("pk").first()
    return None


def _walk(patterns: list[Any], prefix: str) -> Iterator[Page]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith("admin/") and "(?P" not in path:
            names = tuple(pattern.pattern.converters)
            yield Page(path, str(pattern.name or ""), names, _model_of(path))


def _model_of(path: str) -> type[Model] | None:
    parts = path.split("/")
    if len(parts) < 3:
        return None
    try:
        model = apps.get_model(parts[1], parts[2])
    except (LookupError, ValueError):
        return None
    return model if model in admin.site._registry else None
