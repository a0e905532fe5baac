"""The page an invitation's link leads to, and one's own page: where I am signed in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as flash
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts import access, business_choice, invitations, sign_ins
from accounts.models import Invitation, SignIn, User
from config.lib.api import throttles
from config.lib.errors import NotFound, ProjectError

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation to whoever has its link, and take the answer."""
    wait = throttles.seconds_until_login(request) if request.method == "POST" else 0
    if wait:
        answer = render(request, "admin/wait.html", {"seconds": wait}, status=429)
        answer["Retry-After"] = str(wait)
        return answer
    found = invitations.find_by_link(token, now=timezone.now())
    if found is None:
        return render(request, "joining.html", {"invitation": None}, status=410)
    step, error = _step(request, found), ""
    if request.method == "POST":
        try:
            return _answer(request, found, token, step)
        except ProjectError as refusal:
            step, error = _step(request, found), refusal.detail
    name = request.POST.get("name", found.name)[:120]
    context = {"invitation": found, "step": step, "error": error, "name": name}
    return render(request, "joining.html", context, status=400 if error else 200)


def _step(request: HttpRequest, found: Invitation) -> str:
    user = request.user
    if isinstance(user, User):
        return "accept" if user.email.lower() == found.email.lower() else "other"
    return "sign_in" if invitations.has_account(found) else "choose"


def _answer(request: HttpRequest, found: Invitation, token: str, step: str) -> HttpResponse:
    now = timezone.now()
    if step == "accept" and isinstance(request.user, User):
        invitations.accept(invitation=found, user=request.user, now=now)
    elif step == "choose":
        given = {name: request.POST.get(name, "")[:1024] for name in ("name", "password")}
        given["name"] = given["name"].strip()[:120]
        joined = invitations.accept_new(token=token, now=now, **given)
        login(request, joined.user, backend=_BACKEND)
    else:
        return HttpResponseRedirect(request.path)
    request.session[business_choice.SESSION_KEY] = str(found.business_id)
    return redirect("admin:index")


def own_page(site: Any, request: HttpRequest) -> HttpResponse:
    """Show where the reader is signed in and what they are invited to; end and answer it."""
    user, now = request.user, timezone.now()
    if not isinstance(user, User):
        raise NotFound("No such page.")
    if request.method == "POST":
        try:
            flash.success(request, _do(request, user))
        except ProjectError as refusal:
            flash.error(request, refusal.detail)
        return HttpResponseRedirect(request.path)
    here = request.session.get(sign_ins.SESSION_KEY)
    context = {
        **site.each_context(request),
        "title": "Where I am signed in",
        "places": [_place(row, here) for row in sign_ins.list_open(user, now=now)[:100]],
        "invitations": invitations.list_mine(user, now=now),
        "now": now,
    }
    request.current_app = site.name
    return TemplateResponse(request, "admin/sign_ins.html", context)


def _place(row: SignIn, here: str | None) -> SignIn:
    row.program = sign_ins.describe_agent(row.agent)  # type: ignore[attr-defined]  # for the page
    row.is_here = str(row.pk) == here  # type: ignore[attr-defined]  # same
    return row


def _do(request: HttpRequest, user: User) -> str:
    by, now, post = access.of(request), timezone.now(), request.POST
    match post.get("do"):
        case "end":
            found = sign_ins.get_open(user, _id(post.get("sign_in")), now=now)
            sign_ins.end(found, by=by, now=now, reason="own_wish")
            return "Signed out there."
        case "end_others":
            keep = business_choice.parse_id(request.session.get(sign_ins.SESSION_KEY, ""))
            sign_ins.end_all(user, now=now, reason="own_wish", by=by, keep=keep)
            return "Signed out everywhere but here."
        case "accept" | "decline" as answer:
            mine = invitations.get_mine(user, _id(post.get("invitation")), now=now)
            if answer == "decline":
                invitations.decline(invitation=mine, user=user, now=now)
                return "Declined."
            joined = invitations.accept(invitation=mine, user=user, now=now)
            request.session[business_choice.SESSION_KEY] = str(joined.business_id)
            return f"You joined {joined.business.name} and are in it now."
    raise NotFound("There is nothing like this to do.")


def _id(text: str | None) -> Any:
    found = business_choice.parse_id(text or "")
    if found is None:
        raise NotFound("There is nothing like this any more.")
    return found
