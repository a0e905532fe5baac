"""Addresses of messaging, below /api/."""

from django.urls import URLPattern, URLResolver, include, path

from messaging.api.messages import views as messages

urlpatterns: list[URLPattern | URLResolver] = [
    path("whatsapp/send", messages.Send.as_view(), name="send"),
    path("whatsapp/messages", messages.Messages.as_view({"get": "list"}), name="messages"),
    path(
        "whatsapp/messages/<uuid:pk>",
        messages.Messages.as_view({"get": "retrieve", "delete": "destroy"}),
        name="message",
    ),
    path("", include("messaging.api.contacts.urls")),
]
