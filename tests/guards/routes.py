"""Every route of the API, found in the URL resolver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("get", "post", "put", "patch", "delete")
# Views of libraries and Django's own that serve no rows: documents of the API and its 404.
FOREIGN = frozenset({"schema", "docs", "redoc", "no_such_route"})


@dataclass(frozen=True)
class Route:
    """One path of the API with its view and methods."""

    path: str
    name: str
    view: Any
    methods: tuple[str, ...]
    parameters: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"/{self.path}"


def all_routes() -> list[Route]:
    """Return the routes below /api/ that our views serve, in order of their paths."""
    found = [route for route in _walk(get_resolver().url_patterns, "") if route.name not in FOREIGN]
    return sorted(found, key=lambda route: route.path)


def _walk(patterns: list[Any], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.lstrip("^").startswith("api/"):
            yield _route(pattern, path.lstrip("^"))


def _route(pattern: URLPattern, path: str) -> Route:
    callback: Any = pattern.callback
    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None) or callback
    actions = getattr(callback, "actions", None)
    methods = tuple(
        name for name in METHODS if name in (actions or ()) or _has(view, name, actions)
    )
    name = str(pattern.name or callback.__name__)
    return Route(path, name, view, methods, tuple(pattern.pattern.converters))


def _has(view: Any, method: str, actions: Any) -> bool:
    return actions is None and hasattr(view, method)
