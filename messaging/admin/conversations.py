"""The inbox: conversations on the left, one of them as a chat on the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin
from django.contrib import messages as flash
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone

from config.lib import addresses, deadlocks, storage, streams
from config.lib.admin import ReadOnlyAdmin, asking
from config.lib.errors import ProjectError
from messaging.admin import pages
from messaging.admin.forms.conversations import AssignForm, ReplyForm, TemplateForm
from messaging.contacts import people
from messaging.contacts.models import Contact
from messaging.conversations import threads as conversations
from messaging.conversations.models import Conversation
from messaging.inbox import bubbles, person, replies, threads
from messaging.inbox.reading import of_preview
from messaging.media.models import MediaFile
from messaging.messages.models import Message
from templates_mgmt import components

VIEW: Final = "conversations.view"
REPLY: Final = "conversations.reply"
_FOUND: Final = 50
# What a browser may show by itself; everything else is downloaded.
_SHOWN: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin[Conversation]):
    """Conversations, read and answered."""

    permissions: ClassVar[Mapping[str, str]] = {"view": VIEW}

    def get_urls(self) -> list[URLPattern]:
        """Add what the inbox asks for while it is open."""
        one = "<uuid:key>"
        return [
            pages.route(self, "list/", self.list_live, "list"),
            pages.route(self, f"file/{one}/", self.file_view, "file"),
            pages.route(self, f"{one}/chat/", self.chat_live, "chat"),
            pages.route(self, f"{one}/reply/", self.reply_view, "reply"),
            pages.route(self, f"{one}/template/", self.template_view, "template"),
            pages.route(self, f"{one}/template/preview/", self.preview_view, "preview"),
            pages.route(self, f"{one}/read/", self.read_view, "read"),
            pages.route(self, f"{one}/assign/", self.assign_view, "assign"),
            pages.route(self, f"{one}/close/", self.close_view, "close"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the inbox without a conversation."""
        asking.require(request, VIEW)
        return pages.show(
            self,
            request,
            "inbox",
            title="Conversations",
            is_fullwidth="1",
            **_list(request, _page(request)),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the inbox with a conversation."""
        asking.require(request, VIEW)
        held = _find(object_id)
        now = timezone.now()
        before = _key(request.GET.get("before"))
        page = threads.chat(held, before=before)
        return pages.show(
            self,
            request,
            "inbox",
            title=str(held.contact),
            is_fullwidth="1",
            conversation=held,
            is_older=before is not None,
            older=page[0].pk if len(page) == threads.CHAT_PAGE else None,
            chat_version=threads.version_of(held),
            bubbles=bubbles.draw(page),
            reply_form=ReplyForm(request=request, obj=held),
            assign_form=AssignForm(request=request, obj=held),
            **_state(held, now),
            **_list(request, _page(request), chosen=held),
        )

    @pages.needs(VIEW)
    def list_live(self, request: HttpRequest) -> HttpResponseBase:
        """Return the list when it has changed."""
        page = _page(request)
        version = threads.list_version(page)
        if request.GET.get("version") == version:
            return HttpResponse(status=204)
        html = pages.fragment(request, "threads", **_list(request, page, chosen=_chosen(request)))
        return pages.live({"threads": html}, version=version)

    @pages.needs(VIEW)
    def chat_live(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Return the chat when it has changed."""
        held = _find(key)
        version = threads.version_of(held)
        if request.GET.get("version") == version:
            return HttpResponse(status=204)
        return _chat(request, held, version)

    @asking.in_steps
    @pages.needs(VIEW, change=REPLY)
    def reply_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Send an answer: to the script as JSON, else as a page."""
        held = _find(key)
        form = ReplyForm(request.POST or None, request.FILES or None, request=request, obj=held)
        if request.method != "POST":
            return HttpResponseRedirect(_page_of(held))
        error = _first_error(form) if not form.is_valid() else _send(form, held, request)
        if request.headers.get("Accept") == "application/json":
            if error:
                return JsonResponse({"error": error}, status=409)
            return _chat(request, held, threads.version_of(held))
        if error:
            flash.error(request, error)
        return HttpResponseRedirect(_page_of(held))

    @pages.needs(REPLY)
    def template_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Choose a template, fill it, look at it, send it."""
        held = _find(key)
        first = {"template": request.GET.get("template")}
        form = TemplateForm(request.POST or None, request=request, obj=held, initial=first)
        if request.method == "POST" and form.is_valid() and _send_template(form, held, request):
            flash.success(request, "The template is on its way.")
            return HttpResponseRedirect(_page_of(held))
        return pages.show(
            self,
            request,
            "template_reply",
            title=f"Template to {held.contact}",
            conversation=held,
            form=form,
            bubble=_preview(form),
            sender_name=held.sender.verified_name,
            **_state(held, timezone.now()),
        )

    @pages.needs(REPLY)
    def preview_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Return the template as it would be seen."""
        held = _find(key)
        form = TemplateForm(request.POST or None, request=request, obj=held)
        form.is_valid()
        html = pages.fragment(
            request, "preview", bubble=_preview(form), sender_name=held.sender.verified_name
        )
        return HttpResponse(html)

    @pages.needs(VIEW, change=VIEW)
    def read_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Count nothing as unread: somebody who may answer has seen it."""
        held = _find(key)
        if request.method == "POST" and asking.allows(request, REPLY):
            conversations.mark_read(held)
        return HttpResponse(status=204)

    @pages.needs(VIEW, change=REPLY)
    def assign_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Give the conversation to somebody."""
        held = _find(key)
        form = AssignForm(request.POST or None, request=request, obj=held)
        if request.method == "POST" and form.is_valid():
            to = form.cleaned_data["to"]
            threads.assign(held, to=to, by=pages.reader(request))
            flash.success(request, f"Given to {to}." if to else "Given to nobody.")
        return HttpResponseRedirect(_page_of(held))

    @pages.needs(VIEW, change=REPLY)
    def close_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Put the conversation aside, or take it up again."""
        held = _find(key)
        if request.method == "POST":
            is_open = held.status == Conversation.Status.OPEN
            change = threads.close if is_open else threads.reopen
            change(held, by=pages.reader(request))
            flash.success(request, "Closed." if is_open else "Open again.")
        return HttpResponseRedirect(_page_of(held))

    @asking.in_steps
    @pages.needs(VIEW)
    def file_view(self, request: HttpRequest, key: UUID) -> HttpResponseBase:
        """Return a stored file of a message of this business."""
        media: MediaFile = pages.find(MediaFile.objects.all(), key)
        if media.status != MediaFile.Status.STORED or not media.path:
            raise Http404
        is_shown = media.mime_type in _SHOWN
        response = streams.file(
            request,
            storage.media().open(media.path),
            as_attachment=not is_shown,
            filename=media.filename or "file",
            content_type=media.mime_type if is_shown else "application/octet-stream",
        )
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, max-age=3600"
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return response


def _find(key: object) -> Conversation:
    rows = Conversation.objects.select_related("contact", "sender__account", "assigned_to")
    found: Conversation = pages.find(rows, key)
    return found


def _chosen(request: HttpRequest) -> Conversation | None:
    key = _key(request.GET.get("chosen"))
    return Conversation.objects.filter(pk=key).first() if key else None


def _view(request: HttpRequest) -> str:
    view = request.GET.get("view", "open")
    return view if view in threads.VIEWS else "open"


def _term(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\x00", "").strip()


def _page(request: HttpRequest) -> list[Conversation]:
    term = _term(request)
    search = _search(request, term) if term else None
    rows = threads.list_threads(view=_view(request), user=pages.reader(request), search=search)
    return list(rows[: threads.PAGE])


def _list(
    request: HttpRequest, page: list[Conversation], *, chosen: Conversation | None = None
) -> dict[str, Any]:
    now = timezone.now()
    last = threads.last_messages(page)
    return {
        "view": _view(request),
        "views": threads.VIEWS.items(),
        "term": _term(request),
        "chosen": chosen,
        "threads": [_line(one, last.get(one.pk), now) for one in threads.unread_first(page)],
        "list_version": threads.list_version(page),
    }


def _line(one: Conversation, message: Message | None, now: datetime) -> dict[str, Any]:
    return {
        "conversation": one,
        "window": threads.window_of(one, now),
        "line": bubbles.words_of(message).line if message else "",
        "is_ours": message is not None and message.direction == Message.Direction.OUTBOUND,
    }


def _search(request: HttpRequest, term: str) -> Sequence[UUID]:
    region = pages.business_of(request).region or None
    try:
        found = people.find(addresses.Address.parse(term, region=region).value)
    except addresses.InvalidAddress:
        named = Contact.objects.filter(name__istartswith=term).order_by("-pk")
        return list(named.values_list("pk", flat=True)[:_FOUND])
    return [found.pk] if found else []


def _state(held: Conversation, now: datetime) -> dict[str, Any]:
    return {
        "window": threads.window_of(held, now),
        "opt_out": person.opt_out(held.contact),
        "now": now,
    }


def _chat(request: HttpRequest, held: Conversation, version: str) -> JsonResponse:
    held.refresh_from_db(fields=["last_inbound_at", "last_message_at"])
    drawn = bubbles.draw(threads.chat(held))
    state = _state(held, timezone.now())
    return pages.live(
        {
            "chat": pages.fragment(request, "chat", bubbles=drawn),
            "window": pages.fragment(request, "window", **state),
            "opted-out": pages.fragment(request, "opted_out", **state),
        },
        version=version,
    )


def _send(form: ReplyForm, held: Conversation, request: HttpRequest) -> str:
    """Send what the form holds; return why not, empty when it is on its way."""
    data = form.cleaned_data
    whose: dict[str, Any] = {"by": pages.reader(request), "now": timezone.now()}
    send: Callable[..., object] = partial(replies.text, held, body=data["body"])
    try:
        if data["file"]:
            named: dict[str, Any] = {"file": data["file"].file, "filename": data["file"].name}
            known = replies.upload(held, **named, caption=data["body"], key=data["key"], **whose)
            if known is None:
                return ""
            send = partial(replies.file, held, upload=known)
        deadlocks.retry(partial(_with_rights, request, partial(send, key=data["key"], **whose)))
    except ProjectError as error:
        return error.detail
    return ""


def _with_rights(request: HttpRequest, send: Callable[[], object]) -> None:
    """Send while nobody takes the right to it."""
    asking.keep_rights(request, REPLY)
    send()


def _send_template(form: TemplateForm, held: Conversation, request: HttpRequest) -> bool:
    try:
        replies.template(
            held,
            template=form.cleaned_data["template"],
            variables=form.values(),
            key=form.cleaned_data["key"],
            by=pages.reader(request),
            now=timezone.now(),
        )
    except ProjectError as error:
        form.add_error(None, error.detail)
        return False
    return True


def _preview(form: TemplateForm) -> dict[str, Any] | None:
    chosen = form.chosen()
    if chosen is None:
        return None
    words = of_preview(components.render(chosen.definition, form.values()))
    return {"words": words, "is_ours": True, "at": timezone.now(), "tick": "done_all"}


def _first_error(form: ReplyForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)


def _key(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _page_of(held: Conversation) -> str:
    return reverse("admin:messaging_conversation_change", args=[held.pk])
