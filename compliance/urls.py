"""Addresses of compliance, below /api/."""

from django.urls import path

from compliance.api import views
from compliance.api.audit import views as audit

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
    path("compliance/consent/export", views.Export.as_view(), name="consent-export"),
    path(
        "compliance/consent/<str:phone_number>",
        views.Consents.as_view({"get": "retrieve"}),
        name="consent",
    ),
    path("compliance/opt-out", views.OptOut.as_view(), name="opt-out"),
    path("compliance/unsubscribe", views.Unsubscribe.as_view(), name="unsubscribe"),
]
