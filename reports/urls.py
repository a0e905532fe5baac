"""Addresses of reports, below /api/."""

from django.urls import path

from reports.api import views

urlpatterns = [
    path("reports/export/csv", views.Csv.as_view(), name="report-csv"),
    path("reports/export/excel", views.Excel.as_view(), name="report-excel"),
]
