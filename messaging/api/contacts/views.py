"""Contacts, tags and lists."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts import access
from accounts.models import User
from config.lib.api.views import ApiGenericView, ApiViewSet
from config.lib.errors import NotAllowed, NotFound
from messaging.api.asking import allowed, caller_of
from messaging.api.contacts import filters, serializers
from messaging.campaigns import audience
from messaging.contacts import editing, lists, tags
from messaging.contacts.models import Contact, ContactList, Tag

PERMISSIONS = {
    "GET": "contacts.view",
    "POST": "contacts.manage",
    "PATCH": "contacts.manage",
    "DELETE": "contacts.manage",
}


def people() -> QuerySet[Contact]:
    """Return the contacts of the business in scope with their tags."""
    rows: QuerySet[Contact] = Contact.objects.all()
    return rows.prefetch_related("tag_entries__tag")


class Contacts(ListModelMixin, ApiViewSet):
    """The people a business writes to."""

    permissions: ClassVar[dict[str, str]] = PERMISSIONS
    queryset = Contact.objects.none()
    serializer_class = serializers.ContactOutput
    filterset_class = filters.ContactFilter

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the contacts of the business."""
        return people()

    @extend_schema(request=serializers.ContactInput, responses={201: serializers.ContactOutput})
    def create(self, request: Request) -> Response:
        """Add a contact; 409 `contact_exists` when the address belongs to one already."""
        given = valid(serializers.ContactInput(data=request.data, context={"request": request}))
        contact = editing.create(fields=given, by=user_of(request), now=timezone.now())
        return Response(_body(contact), status=status.HTTP_201_CREATED)

    @extend_schema(responses=serializers.ContactOutput)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Return one contact."""
        return Response(_body(self._get(pk)))

    @extend_schema(request=serializers.ContactInput, responses=serializers.ContactOutput)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change what is given; `tags` and `attributes` replace the ones there were."""
        contact = self._get(pk)
        given = valid(serializers.ContactInput(data=request.data, context={"request": request}))
        return Response(
            _body(editing.update(contact, fields=given, by=user_of(request), now=timezone.now()))
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a contact; 409 `contact_has_history` once messages refer to it."""
        editing.delete(self._get(pk), by=user_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _get(self, pk: UUID) -> Contact:
        contact = self.get_queryset().filter(pk=pk).first()
        if contact is None:
            raise NotFound("No such contact.")
        return contact


class Tags(ListModelMixin, ApiViewSet):
    """Words contacts are grouped by."""

    permissions: ClassVar[dict[str, str]] = PERMISSIONS
    queryset = Tag.objects.none()
    serializer_class = serializers.TagOutput
    filterset_class = filters.TagFilter

    def get_queryset(self) -> QuerySet[Tag]:
        """Return the tags of the business."""
        rows: QuerySet[Tag] = Tag.objects.all()
        return rows

    @extend_schema(request=serializers.TagInput, responses={201: serializers.TagOutput})
    def create(self, request: Request) -> Response:
        """Make a tag; one that exists is returned as it is."""
        name = valid(serializers.TagInput(data=request.data))["name"]
        [tag] = tags.ensure([name], by=user_of(request)).values()
        return Response(serializers.TagOutput(tag).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=serializers.TagOutput)
    def retrieve(self, request: Request, pk: int) -> Response:
        """Return one tag."""
        return Response(serializers.TagOutput(self._get(pk)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a tag; its contacts stay."""
        tags.delete(self._get(pk), by=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=serializers.MembersInput, responses=serializers.MembersOutput)
    def change(self, request: Request, pk: int) -> Response:
        """Put the tag on contacts and take it off others; unknown ids are left out."""
        name = self._get(pk).name
        given = valid(serializers.MembersInput(data=request.data))
        added = tags.add(contacts=known(given.get("add", [])), names=[name])
        removed = tags.remove(contacts=given.get("remove", []), names=[name])
        return Response({"added": added, "removed": removed})

    def _get(self, pk: int) -> Tag:
        tag = self.get_queryset().filter(pk=pk).first()
        if tag is None:
            raise NotFound("No such tag.")
        return tag


class Lists(ListModelMixin, ApiViewSet):
    """Named lists of contacts."""

    permissions: ClassVar[dict[str, str]] = PERMISSIONS
    by_object = True
    queryset = ContactList.objects.none()
    serializer_class = serializers.ListOutput
    filterset_class = filters.ListFilter

    def get_queryset(self) -> QuerySet[ContactList]:
        """Return the lists of the business the caller may see."""
        return allowed(self.request, "contacts.view", ContactList.objects.all())

    @extend_schema(request=serializers.ListInput, responses={201: serializers.ListOutput})
    def create(self, request: Request) -> Response:
        """Make an empty list."""
        if not caller_of(request).allows("contacts.manage"):
            raise NotAllowed("This needs the permission contacts.manage.")
        given = valid(serializers.ListInput(data=request.data))
        made = lists.create(name=given["name"], by=user_of(request))
        return Response(serializers.ListOutput(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=serializers.ListOutput)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Return one list."""
        return Response(serializers.ListOutput(get_list(request, pk)).data)

    @extend_schema(request=serializers.ListInput, responses=serializers.ListOutput)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Rename a list."""
        found = get_list(request, pk)
        name = valid(serializers.ListInput(data=request.data))["name"]
        lists.rename(found, name=name, by=user_of(request))
        return Response(serializers.ListOutput(found).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a list; its contacts stay. 409 `list_in_use` while campaigns go to it."""
        found = get_list(request, pk)
        audience.require_unused(found)
        lists.delete(found, by=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ListContacts(ApiGenericView, ListModelMixin):
    """Who stands on a list."""

    permissions: ClassVar[dict[str, str]] = {"GET": "contacts.view", "POST": "contacts.manage"}
    by_object = True
    queryset = Contact.objects.none()
    filterset_class = filters.ContactFilter

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """Return the serializer of a contact."""
        return serializers.ContactOutput

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the contacts on the list."""
        return people().filter(list_entries__list=get_list(self.request, self.kwargs["pk"]))

    @extend_schema(responses=serializers.ContactOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """List the contacts on the list."""
        return self.list(request)

    @extend_schema(request=serializers.MembersInput, responses=serializers.MembersOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Put contacts on the list and take others off; unknown ids are left out."""
        found = get_list(request, pk)
        given = valid(serializers.MembersInput(data=request.data))
        added = lists.add(found, contacts=given.get("add", []))
        removed = lists.remove(found, contacts=given.get("remove", []))
        return Response({"added": added, "removed": removed})


def get_list(request: Request, pk: UUID) -> ContactList:
    """Return a list of the business the caller holds the method's permission for."""
    rows = allowed(request, PERMISSIONS[request.method or "GET"], ContactList.objects.all())
    found: ContactList | None = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound("No such list.")
    return found


def known(ids: list[UUID]) -> list[UUID]:
    """Return those ids that are contacts of the business in scope."""
    return list(Contact.objects.filter(pk__in=ids).values_list("pk", flat=True))


def valid(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    """Return the checked input."""
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def user_of(request: Request) -> User | None:
    """Return the user behind the request, None for an API key."""
    caller = access.of(request._request)
    return caller.user if caller else None


def _body(contact: Contact) -> dict[str, Any]:
    body: dict[str, Any] = serializers.ContactOutput(contact).data
    return body
