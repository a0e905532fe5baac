"""Addresses of the bulk-send routes, below /api/."""

from django.urls import path

from messaging.api.campaigns import views

urlpatterns = [
    path("whatsapp/bulk-send", views.BulkSend.as_view(), name="bulk-send"),
    path("whatsapp/bulk-send/<uuid:pk>", views.BulkSendProgress.as_view(), name="bulk-send-state"),
    path(
        "whatsapp/bulk-send/<uuid:pk>/control",
        views.BulkSendControl.as_view(),
        name="bulk-send-control",
    ),
]
