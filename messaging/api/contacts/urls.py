"""Addresses of contacts, tags, lists and imports, below /api/."""

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from messaging.api.contacts import import_views, views


class TagIdConverter(IntConverter):
    """A tag's id: a whole number PostgreSQL's bigint holds."""

    regex = "[0-9]{1,18}"


register_converter(TagIdConverter, "tag_id")

urlpatterns = [
    path("contacts", views.Contacts.as_view({"get": "list", "post": "create"}), name="contacts"),
    path(
        "contacts/import",
        import_views.ImportUpload.as_view({"get": "list", "post": "create"}),
        name="contact-imports",
    ),
    path(
        "contacts/import/<uuid:pk>",
        import_views.Imports.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
        name="contact-import",
    ),
    path(
        "contacts/import/<uuid:pk>/commit",
        import_views.ImportCommit.as_view(),
        name="contact-import-commit",
    ),
    path(
        "contacts/import/<uuid:pk>/refused",
        import_views.RefusedRows.as_view(),
        name="contact-import-refused",
    ),
    path(
        "contacts/<uuid:pk>",
        views.Contacts.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="contact",
    ),
    path("tags", views.Tags.as_view({"get": "list", "post": "create"}), name="tags"),
    path(
        "tags/<tag_id:pk>",
        views.Tags.as_view({"get": "retrieve", "delete": "destroy"}),
        name="tag",
    ),
    path("tags/<tag_id:pk>/contacts", views.Tags.as_view({"post": "change"}), name="tag-contacts"),
    path("lists", views.Lists.as_view({"get": "list", "post": "create"}), name="lists"),
    path(
        "lists/<uuid:pk>",
        views.Lists.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="list",
    ),
    path("lists/<uuid:pk>/contacts", views.ListContacts.as_view(), name="list-contacts"),
]
