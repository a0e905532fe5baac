"""The operators' site: sign-in, the business switcher, the dashboard, refusals as pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib import messages as flash
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import access, business_choice, renewal, sign_ins, standing, tenancy, tokens
from accounts.models import Business, User
from accounts.tenancy import Door
from config import joining
from config.lib import deadlocks
from config.lib.admin.asking import is_platform_admin
from config.lib.api import throttles
from config.lib.errors import NotAllowed, NotFound
from config.navigation import can_open
from config.second_factor import PasswordStep, show_code_step, show_own

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite

SWITCHER_LENGTH: Final = 50
# What who owes a second factor may open all the same.
OPEN_WITHOUT: Final = frozenset(
    {
        "second_factor",
        "switch_business",
        "logout",
        "password_change",
        "password_change_done",
        "jsi18n",
    }
)


class OperatorsSite(AdminSite):
    """The admin, in the business of the session."""

    index_title = "Dashboard"
    site_title = "Switchboard"
    site_header = "Switchboard"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def extra_urls(self) -> list[URLPattern]:
        """Return the pages of the site itself."""
        return [
            path("business/switch/", self.admin_view(self.switch_business), name="switch_business"),
            path("login/code/", self.login_code, name="login_code"),
            path("second-factor/", self.admin_view(self.second_factor), name="second_factor"),
            path("me/", self.admin_view(self.own_page), name="own_page"),
            path("dashboard/now/", self.admin_view(self.dashboard_now), name="dashboard_now"),
        ]

    def admin_view(self, view: Callable[..., HttpResponseBase], cacheable: bool = False) -> Any:
        """Turn refusals of the domain into the pages people know: 404 and 403.

        A page that crosses businesses is made behind the door for platform admins. One marked
        `in_steps` keeps the rights of its reader itself, in every transaction of its own.
        """
        guarded = super().admin_view(view, cacheable)
        crosses = getattr(getattr(view, "__self__", None), "crosses_businesses", False)
        in_steps = getattr(view, "in_steps", False)

        @wraps(guarded)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if _owes_second_factor(request):
                return redirect("admin:second_factor")
            try:
                if in_steps:
                    return guarded(request, *args, **kwargs)
                if crosses and is_platform_admin(request):
                    return _across(guarded, request, *args, **kwargs)
                return _with_rights(guarded, request, *args, **kwargs)
            except NotFound as error:
                raise Http404(error.detail) from error
            except NotAllowed as error:
                raise PermissionDenied(error.detail) from error
            except tokens.TokenRefused:
                return redirect("admin:login")

        return page

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the businesses to switch between."""
        context = super().each_context(request)
        caller = access.of(request)
        context["business"] = caller.business if caller else None
        context["businesses"] = SimpleLazyObject(lambda: switchable(request))
        context["can_list_businesses"] = can_open(request, "accounts.business")
        return context

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Sign in; an address that tries too often is told when it may again."""
        if refusal := _too_often(request):
            return refusal
        if request.method == "GET" and self.has_permission(request):
            return redirect("admin:index")
        context = {
            **self.each_context(request),
            "title": "Log in",
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **(extra_context or {}),
        }
        if REDIRECT_FIELD_NAME not in (request.GET | request.POST):
            context[REDIRECT_FIELD_NAME] = reverse("admin:index")
        request.current_app = self.name
        shown: Any = PasswordStep.as_view(
            extra_context=context,
            authentication_form=self.login_form,
            template_name=self.login_template or "admin/login.html",
        )(request)
        return shown  # type: ignore[no-any-return]  # a page, never a stream

    @method_decorator(never_cache)
    @method_decorator(sensitive_post_parameters())
    def login_code(self, request: HttpRequest) -> HttpResponse:
        """Ask for a code of the second factor, before anybody is signed in."""
        if refusal := _too_often(request):
            return refusal
        request.current_app = self.name
        return show_code_step(request, self.each_context(request))

    @method_decorator(sensitive_post_parameters())
    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Set up one's own second factor."""
        request.current_app = self.name
        return show_own(request, self.each_context(request))

    def password_change(  # type: ignore[override]  # Django answers a change by a redirect too
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Change one's own password; what signed in to the API with the old one is signed out."""
        user = request.user
        if request.method == "POST" and isinstance(user, User):
            # Before the form writes their row, which a sign-in waits for.
            standing.change([standing.of_user(user.pk)])
        answer = super().password_change(request, extra_context)
        if isinstance(answer, HttpResponseRedirect) and isinstance(user, User):
            here = request.session.get(sign_ins.SESSION_KEY)
            tokens.revoke_all(user, reason="password", now=timezone.now(), keep=here)
        return answer

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show the dashboard, or why there is none."""
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "index": True,
            "dashboard": dashboard(request),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/index.html", context)

    def dashboard_now(self, request: HttpRequest) -> HttpResponse:
        """Answer the part of the dashboard that changes by the second."""
        context = {"dashboard": dashboard(request)}
        return TemplateResponse(request, "admin/dashboard/now.html", context)

    def own_page(self, request: HttpRequest) -> HttpResponse:
        """Show where the reader is signed in, and what they are invited to."""
        return joining.own_page(self, request)

    def switch_business(self, request: HttpRequest) -> HttpResponse:
        """Make another business the session's, then show its dashboard."""
        return _switch(request)


def _with_rights(
    view: Callable[..., HttpResponseBase], *args: Any, **kwargs: Any
) -> HttpResponseBase:
    """Let nobody lose the right to a change before the change is committed."""
    request = next(one for one in args if isinstance(one, HttpRequest))
    if request.method != "POST":
        return view(*args, **kwargs)

    def act() -> HttpResponseBase:
        renewal.hold(request)
        return view(*args, **kwargs)

    return deadlocks.retry(act)


@tenancy.across(Door.PLATFORM)
def _across(view: Callable[..., HttpResponseBase], *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Make a page, and write it while the door is open."""
    answer = _with_rights(view, *args, **kwargs)
    return answer.render() if isinstance(answer, TemplateResponse) else answer


def _too_often(request: HttpRequest) -> HttpResponse | None:
    wait = throttles.seconds_until_login(request) if request.method == "POST" else 0
    if not wait:
        return None
    answer = render(request, "admin/wait.html", {"seconds": wait}, status=429)
    answer["Retry-After"] = str(wait)
    return answer


def _owes_second_factor(request: HttpRequest) -> bool:
    """Tell whether the reader has to set up a second factor before they open this page."""
    caller = access.of(request)
    if caller is None or not caller.owes_second_factor:
        return False
    match = request.resolver_match
    return match is None or match.url_name not in OPEN_WITHOUT


@require_POST
def _switch(request: HttpRequest) -> HttpResponse:
    business = business_choice.switch(request, business_id=request.POST.get("business", ""))
    flash.success(request, f"You are in {business.name} now.")
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return HttpResponseRedirect(target)
    return redirect(reverse("admin:index"))


def switchable(request: HttpRequest) -> list[Business]:
    """Return the businesses on offer in the header: the first by name."""
    user = request.user
    if not isinstance(user, User):
        return []
    with tenancy.across(Door.SIGN_IN):
        return list(business_choice.list_choices(user)[:SWITCHER_LENGTH])


def dashboard(request: HttpRequest) -> Any:
    """Return what the dashboard shows to this reader, None without a business."""
    caller = access.of(request)
    if caller is None or caller.business is None:
        return None
    return import_string(settings.DASHBOARD)(caller)
