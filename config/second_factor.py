"""Pages of the second factor: the code after the password, and one's own authenticator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import qrcode
from django import forms
from django.contrib import auth
from django.contrib import messages as flash
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from qrcode.image.svg import SvgPathImage

from accounts import access, second_factor, sign_ins, tokens
from accounts.models import Authenticator, User
from config.lib.admin import OperatorForm
from config.lib.errors import NotFound, ProjectError, RetryLater

PENDING: Final = "second_factor_pending"
# Between the password and the code.
PATIENCE: Final = timedelta(minutes=5)


class CodeForm(OperatorForm):
    """A code of the app, or one for recovery. `wait` is set when another comes too soon."""

    wait = 0
    code = forms.CharField(
        label="Code",
        max_length=32,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}
        ),
        help_text="The six digits your authenticator app shows now, or one of your recovery codes.",
    )


class FirstCodeForm(CodeForm):
    """The first code of a new app."""

    def prepare(self) -> None:
        """Ask for nothing else."""
        self.fields["code"].help_text = "The six digits the app shows now."


class PasswordForm(OperatorForm):
    """One's own password, once more."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ChangeForm(PasswordForm, CodeForm):
    """Password and code: what it takes to change a second factor that is in use."""

    field_order = ("password", "code")


class PasswordStep(LoginView):
    """The sign-in page: who has a second factor is asked for a code before they are signed in."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign in, or remember whose password was right and ask for the code."""
        user = form.get_user()
        with transaction.atomic():
            if not second_factor.is_asked(user):
                return super().form_valid(form)
        self.request.session[PENDING] = {
            "user": user.pk,
            "backend": user.backend,
            "at": timezone.now().isoformat(),
            "proof": user.get_session_auth_hash(),
            "next": self.get_success_url(),
        }
        return redirect("admin:login_code")


def show_code_step(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Take the code and sign in whose password was right a moment ago."""
    user = _pending_user(request)
    if user is None:
        request.session.pop(PENDING, None)
        return redirect("admin:login")
    form = CodeForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid() and _is_good(request, user, form):
        return _sign_in(request, user)
    status = 429 if form.wait else 200
    answer = TemplateResponse(
        request,
        "admin/login_code.html",
        {**context, "title": "Second factor", "form": form, "has_permission": False},
        status=status,
    )
    if status == 429:
        answer["Retry-After"] = str(form.wait)
    return answer


def show_own(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show one's own second factor; set it up, replace it, take it off."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  # asked by admin_view
    page = _Page(request, user, context)
    return page.respond()


class _Page:
    """One look at one's own second factor, or one step of setting it up."""

    def __init__(self, request: HttpRequest, user: User, context: dict[str, Any]) -> None:
        self.request, self.user, self.context = request, user, context
        self.step = request.POST.get("step", "") if request.method == "POST" else ""
        self.device = second_factor.find(user)

    def respond(self) -> HttpResponse:
        steps = {
            "begin": self._begin,
            "confirm": self._confirm,
            "codes": self._codes,
            "off": self._off,
            "stop": self._stop,
        }
        step = steps.get(self.step)
        return step() if step else self._show()

    def _begin(self) -> HttpResponse:
        form = self._checked()
        if form is not None:
            return self._show(form)
        second_factor.begin(user=self.user, now=timezone.now())
        return redirect("admin:second_factor")

    def _confirm(self) -> HttpResponse:
        form = FirstCodeForm(self.request.POST, request=self.request)
        here = self.request.session.get(sign_ins.SESSION_KEY)
        if form.is_valid():
            try:
                codes = second_factor.confirm(
                    user=self.user, code=form.cleaned_data["code"], keep=here, now=timezone.now()
                )
            except ProjectError as error:
                form.add_error("code", error.detail)
            else:
                return self._show_codes(codes, is_new=True)
        return self._show(form)

    def _codes(self) -> HttpResponse:
        form = self._checked()
        if form is not None:
            return self._show(form)
        try:
            codes = second_factor.renew_codes(user=self.user, now=timezone.now())
        except NotFound as error:
            flash.error(self.request, error.detail)
            return redirect("admin:second_factor")
        return self._show_codes(codes, is_new=False)

    def _off(self) -> HttpResponse:
        form = self._checked()
        if form is None:
            try:
                second_factor.take_off(user=self.user, now=timezone.now())
            except ProjectError as error:
                flash.error(self.request, error.detail)
            else:
                flash.success(self.request, "You sign in with your password alone now.")
            return redirect("admin:second_factor")
        return self._show(form)

    def _stop(self) -> HttpResponse:
        second_factor.give_up(user=self.user)
        return redirect("admin:second_factor")

    def _checked(self) -> OperatorForm | None:
        """Ask for the password, and for a code of the factor in use; return the form refused."""
        kind = ChangeForm if self.device else PasswordForm
        form = kind(self.request.POST, request=self.request)
        if not form.is_valid():
            return form
        found = auth.authenticate(
            self.request, username=self.user.email, password=form.cleaned_data["password"]
        )
        if found is None or found.pk != self.user.pk:
            form.add_error("password", "This is not your password.")
            return form
        if self.device and not _is_good(self.request, self.user, form):
            return form
        return None

    def _show(self, form: OperatorForm | None = None) -> HttpResponse:
        pending = second_factor.find_pending(self.user)
        caller = access.of(self.request)
        facts = {
            "title": "Your second factor",
            "device": self.device,
            "pending": pending,
            "picture": _picture(pending) if pending else "",
            "key": _grouped(pending.key) if pending else "",
            "left": second_factor.count_codes(self.user),
            "form": form,
            "step": self.step,
            "owes": bool(caller and caller.owes_second_factor),
            "is_demanded": second_factor.is_demanded(self.user),
            "code_form": form if pending and self.step == "confirm" else FirstCodeForm(),
            "ask": (ChangeForm if self.device else PasswordForm)(request=self.request),
            "asked": self.request.GET.get("do", "") if form is None else self.step,
        }
        if form is not None and self.step != "confirm":
            facts["ask"] = form
        return self._answer("admin/second_factor.html", facts)

    def _show_codes(self, codes: list[str], *, is_new: bool) -> HttpResponse:
        facts = {"title": "Your recovery codes", "codes": codes, "is_new": is_new}
        return self._answer("admin/recovery_codes.html", facts)

    def _answer(self, template: str, facts: dict[str, Any]) -> HttpResponse:
        answer = TemplateResponse(self.request, template, {**self.context, **facts})
        answer["Cache-Control"] = "no-store"
        return answer


def _pending_user(request: HttpRequest) -> User | None:
    """Return whose password was right less than five minutes ago and is still the same."""
    held = request.session.get(PENDING)
    if not isinstance(held, dict):
        return None
    at = parse_datetime(str(held.get("at", "")))
    if at is None or not timedelta(0) <= timezone.now() - at <= PATIENCE:
        return None
    user = User.objects.filter(pk=int(held.get("user", 0)), is_active=True).first()
    if user is None:
        return None
    is_same = constant_time_compare(str(held.get("proof")), user.get_session_auth_hash())
    return user if is_same else None


def _is_good(request: HttpRequest, user: User, form: Any) -> bool:
    """Take the code; put a refusal on the form, with the seconds to wait as `form.wait`."""
    if tokens.is_locked(request, user):
        form.add_error("code", "Too many wrong codes or passwords. Try again later.")
        return False
    try:
        second_factor.verify(user=user, code=form.cleaned_data["code"], now=timezone.now())
    except second_factor.CodeRefused as error:
        tokens.count_failure(request, user)
        form.add_error("code", error.detail)
    except RetryLater as error:
        form.wait = error.retry_after_seconds
        form.add_error("code", error.detail)
    else:
        return True
    return False


def _sign_in(request: HttpRequest, user: User) -> HttpResponse:
    held = request.session.pop(PENDING)
    auth.login(request, user, backend=held["backend"])
    target = str(held.get("next", ""))
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return HttpResponseRedirect(target if is_ours else reverse("admin:index"))


def _picture(device: Authenticator) -> SafeString:
    """Draw the QR code as SVG, of our own making, without a style or a script."""
    address = second_factor.address_of(device)
    drawn = qrcode.make(address, image_factory=SvgPathImage, border=2, box_size=10)
    text = str(drawn.to_string(encoding="unicode"))
    return mark_safe(text)  # noqa: S308  # only squares in it


def _grouped(key: str) -> str:
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))
