"""Addresses of messaging, below /api/."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from messaging.api import media
from messaging.api.delivery import views as delivery
from messaging.api.messages import views as messages
from messaging.api.senders import views as senders

RESOURCES = ("contacts", "campaigns")

urlpatterns: list[URLPattern | URLResolver] = [
    path("whatsapp/send", messages.Send.as_view(), name="send"),
    path("whatsapp/media", media.Media.as_view(), name="media"),
    path("whatsapp/messages", messages.Messages.as_view({"get": "list"}), name="messages"),
    path(
        "whatsapp/messages/<uuid:pk>",
        messages.Messages.as_view({"get": "retrieve", "delete": "destroy"}),
        name="message",
    ),
    path("whatsapp/delivery", delivery.Report.as_view(), name="delivery"),
    path(
        "whatsapp/delivery/<uuid:message_id>",
        delivery.Events.as_view(),
        name="delivery-of-message",
    ),
    path("messages/retry", delivery.RetryMany.as_view(), name="retry"),
    path("messages/retry/<uuid:message_id>", delivery.RetryOne.as_view(), name="retry-of-message"),
    path("senders", senders.Senders.as_view({"get": "list"}), name="senders"),
    path("senders/sync", senders.SenderSync.as_view(), name="sender-sync"),
    path(
        "senders/<uuid:pk>",
        senders.Senders.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="sender",
    ),
    path("whatsapp/rate-limit", senders.RateLimit.as_view(), name="rate-limit"),
    path("whatsapp/rate-limit/pause", senders.Pause.as_view(), name="rate-limit-pause"),
    path("whatsapp/rate-limit/resume", senders.Resume.as_view(), name="rate-limit-resume"),
    path("whatsapp/rate-limit/reset", senders.Reset.as_view(), name="rate-limit-reset"),
    path(
        "whatsapp/rate-limit/events",
        senders.SenderEvents.as_view({"get": "list"}),
        name="rate-limit-events",
    ),
    *(
        path("", include(f"messaging.api.{name}.urls"))
        for name in RESOURCES
        if find_spec(f"messaging.api.{name}") and find_spec(f"messaging.api.{name}.urls")
    ),
]
