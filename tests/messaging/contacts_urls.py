"""Only the routes of contacts, whatever else exists."""

from django.urls import include, path

from config.lib.api import pages

handler404 = pages.page_not_found
handler500 = pages.server_error

urlpatterns = [path("api/", include("messaging.api.contacts.urls"))]
