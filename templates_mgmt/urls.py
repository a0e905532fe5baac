"""Addresses of templates, below /api/."""

from django.urls import path

from templates_mgmt.api import views

urlpatterns = [
    path("templates", views.Templates.as_view({"get": "list"}), name="templates"),
    path("templates/sync", views.TemplateSync.as_view(), name="templates-sync"),
    path("templates/<str:pk>", views.Templates.as_view({"get": "retrieve"}), name="template"),
]
