"""Addresses of analytics, below /api/."""

from django.urls import path

from analytics.api import views

urlpatterns = [
    path("analytics/overview", views.Overview.as_view(), name="analytics-overview"),
    path("analytics/whatsapp", views.WhatsApp.as_view(), name="analytics-whatsapp"),
    path("analytics/whatsapp/hourly", views.Hourly.as_view(), name="analytics-hourly"),
    path("analytics/whatsapp/templates", views.Templates.as_view(), name="analytics-templates"),
]
