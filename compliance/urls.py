"""Addresses of compliance, below /api/."""

from django.urls import path

from compliance.api import views
from compliance.api.audit import views as audit
from compliance.api.privacy import views as privacy

urlpatterns = [
    path(
        "audit/logs",
        audit.AuditLogs.as_view({"get": "list", "post": "create"}),
        name="audit-logs",
    ),
    path(
        "audit/logs/<int:user_id>",
        audit.AuditLogsOfUser.as_view({"get": "list"}),
        name="audit-logs-of-user",
    ),
    path("audit/export", audit.AuditExport.as_view(), name="audit-export"),
    path(
        "compliance/consent",
        views.Consents.as_view({"get": "list", "post": "create"}),
        name="consents",
    ),
    path("compliance/consent/import", views.Import.as_view(), name="consent-import"),
    path("compliance/consent/export", views.Export.as_view(), name="consent-export"),
    path(
        "compliance/consent/<str:phone_number>",
        views.Consents.as_view({"get": "retrieve"}),
        name="consent",
    ),
    path(
        "compliance/consent/<str:phone_number>/proof",
        views.Proof.as_view(),
        name="consent-proof",
    ),
    path("compliance/opt-out", views.OptOut.as_view(), name="opt-out"),
    path("compliance/unsubscribe", views.Unsubscribe.as_view(), name="unsubscribe"),
    path(
        "privacy/requests",
        privacy.Requests.as_view({"get": "list", "post": "create"}),
        name="privacy-requests",
    ),
    path(
        "privacy/requests/<uuid:pk>",
        privacy.Requests.as_view({"get": "retrieve"}),
        name="privacy-request",
    ),
    path("privacy/requests/<uuid:pk>/start", privacy.Start.as_view(), name="privacy-start"),
    path(
        "privacy/requests/<uuid:pk>/withdraw", privacy.Withdraw.as_view(), name="privacy-withdraw"
    ),
    path(
        "privacy/requests/<uuid:pk>/download", privacy.Download.as_view(), name="privacy-download"
    ),
]
