"""Every API view says who may use it, how often, and what it takes and gives."""

from __future__ import annotations

import pytest

from accounts.roles import ALL_PERMISSIONS
from config.lib.api.permissions import PUBLIC, SIGNED_IN, declared
from config.lib.api.throttles import WindowThrottle
from config.lib.api.views import ApiMixin
from tests.guards.routes import Route, all_routes

ROUTES = all_routes()


@pytest.fixture(params=ROUTES, ids=lambda route: route.title)
def route(request: pytest.FixtureRequest) -> Route:
    found: Route = request.param
    return found


def test_there_are_routes() -> None:
    assert len(ROUTES) > 50


def test_a_view_has_our_base(route: Route) -> None:
    assert issubclass(route.view, ApiMixin), "subclass ApiView, ApiGenericView or ApiViewSet"


def test_every_method_needs_a_permission_that_exists(route: Route) -> None:
    known = ALL_PERMISSIONS | {PUBLIC, SIGNED_IN}

    for method in route.methods:
        assert declared(route.view, method.upper()) in known, f"{method.upper()} {route.title}"


def test_every_view_is_throttled(route: Route) -> None:
    assert route.view.throttle_classes
    assert all(issubclass(one, WindowThrottle) for one in route.view.throttle_classes)


def test_no_view_opts_out_of_the_permission_check(route: Route) -> None:
    names = [one.__name__ for one in route.view.permission_classes]

    assert names == ["RequiresPermission"]
