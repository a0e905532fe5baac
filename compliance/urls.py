"""Addresses of compliance, below /api/."""

from django.urls import path

from compliance.api import views

urlpatterns = [
    path(
        "compliance/consent",
        views.Consents.as_view({"get": "list", "post": "create"}),
        name="consents",
    ),
    path("compliance/consent/export", views.Export.as_view(), name="consent-export"),
    path(
        "compliance/consent/<str:phone_number>",
        views.Consents.as_view({"get": "retrieve"}),
        name="consent",
    ),
    path("compliance/opt-out", views.OptOut.as_view(), name="opt-out"),
    path("compliance/unsubscribe", views.Unsubscribe.as_view(), name="unsubscribe"),
]
