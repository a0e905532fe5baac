"""Addresses of backups, below /api/."""

from django.urls import path

from backups.api import views

urlpatterns = [
    path("backup", views.Backups.as_view({"get": "list", "post": "create"}), name="backups"),
    path("backup/<uuid:pk>", views.Backups.as_view({"get": "retrieve"}), name="backup"),
]
