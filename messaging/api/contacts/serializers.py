"""What the routes of contacts take and give."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from compliance import cells
from compliance.models import Scope
from config.lib import addresses
from config.lib.api.fields import Instant, PhoneNumber
from config.lib.errors import InvalidInput
from messaging.contacts import columns, editing, tags
from messaging.contacts.models import Contact, ContactImport, ContactList, Tag

MOST_AT_ONCE = 10_000


class ContactOutput(serializers.ModelSerializer[Contact]):
    """A person."""

    phone = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    created_at = Instant(read_only=True)
    updated_at = Instant(read_only=True)
    undeliverable_at = Instant(read_only=True, allow_null=True)
    attributes = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Contact
        fields = (
            "id", "name", "phone", "bsuid", "wa_id", "username", "language", "country",
            "time_zone", "attributes", "tags", "undeliverable_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_phone(self, contact: Contact) -> str | None:
        """Return the number as E.164, null when none is known."""
        return contact.phone or None

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_tags(self, contact: Contact) -> list[str]:
        """Return the tags' names in order."""
        return sorted(entry.tag.name for entry in contact.tag_entries.all())


class TagName(serializers.CharField):
    """A tag in its one spelling."""

    def __init__(self, **kwargs: Any) -> None:
        """Take what CharField takes."""
        kwargs.setdefault("max_length", tags.LONGEST)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the tag as it is kept."""
        try:
            return tags.normalise(super().to_internal_value(data))
        except tags.BadTag as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error


class ContactInput(serializers.Serializer[Any]):
    """What a contact is made of; at least one address."""

    phone = PhoneNumber(required=False, allow_null=True)
    bsuid = serializers.CharField(required=False, allow_null=True, max_length=140)
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    language = serializers.CharField(required=False, allow_blank=True, max_length=40)
    time_zone = serializers.CharField(required=False, allow_blank=True, max_length=64)
    attributes = serializers.DictField(required=False)
    tags = serializers.ListField(child=TagName(), required=False, max_length=100)

    def validate_bsuid(self, value: str | None) -> str | None:
        """Refuse what has not the shape of a Meta user id."""
        if value and not addresses.is_bsuid(value):
            raise serializers.ValidationError(
                "A Meta user id looks like ES.1234567890.", code="invalid_recipient"
            )
        return value

    def validate_language(self, value: str) -> str:
        """Return the language as Meta writes it."""
        try:
            return cells.read_language(value)
        except cells.RowRefused as refused:
            raise serializers.ValidationError(refused.reason, code=refused.verdict) from refused

    def validate_time_zone(self, value: str) -> str:
        """Refuse a time zone that does not exist."""
        if value and value not in available_timezones():
            raise serializers.ValidationError("There is no such time zone.")
        return value

    def validate_attributes(self, value: dict[str, Any]) -> dict[str, str]:
        """Return the variables as text."""
        try:
            return editing.checked_attributes(value)
        except InvalidInput as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error


class TagOutput(serializers.ModelSerializer[Tag]):
    """A tag."""

    class Meta:
        model = Tag
        fields = ("id", "name")
        read_only_fields = fields


class TagInput(serializers.Serializer[Any]):
    """A tag's name."""

    name = TagName()


class ListOutput(serializers.ModelSerializer[ContactList]):
    """A list of contacts."""

    created_at = Instant(read_only=True)

    class Meta:
        model = ContactList
        fields = ("id", "name", "size", "created_at")
        read_only_fields = fields


class ListInput(serializers.Serializer[Any]):
    """A list's name."""

    name = serializers.CharField(max_length=120)


class MembersInput(serializers.Serializer[Any]):
    """Contacts to put in and take out."""

    add = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=MOST_AT_ONCE
    )
    remove = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=MOST_AT_ONCE
    )


class MembersOutput(serializers.Serializer[Any]):
    """How many moved."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()


class Flag(serializers.BooleanField):
    """A yes or no that a form may leave out; REST framework would read that as no."""

    default_empty_html = empty


class ImportChoices(serializers.Serializer[Any]):
    """How a file is read, and what is declared about the consent of the people in it."""

    list_name = serializers.CharField(
        required=False,
        max_length=120,
        help_text="The list people are put on; a new one, named by the time of the import, if left "
        "out.",
    )
    region = serializers.RegexField(r"^[A-Za-z]{2}$", required=False)
    has_header = Flag(required=False)
    everyone_agreed = Flag(required=False)
    consent_scopes = serializers.ListField(
        child=serializers.ChoiceField(Scope.choices), required=False, min_length=1, max_length=4
    )
    consent_wording = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    consent_at = Instant(required=False, allow_null=True)

    def to_choices(self) -> dict[str, Any]:
        """Return what was given, in the words of the domain."""
        given = {name: self.validated_data[name] for name in self.validated_data}
        given.pop("file", None)
        given.pop("mapping", None)
        if "consent_scopes" in given:
            given["consent_scopes"] = tuple(Scope(scope) for scope in given["consent_scopes"])
        if "region" in given:
            given["region"] = given["region"].upper()
        return given


class ImportInput(ImportChoices):
    """A file of contacts."""

    file = serializers.FileField(max_length=200, help_text="CSV or XLSX, up to 200 MB.")


class ImportPatch(ImportChoices):
    """Corrections before the import begins."""

    mapping = serializers.DictField(
        child=serializers.ChoiceField(sorted(columns.TARGETS)),
        required=False,
        help_text="What each column means, by its name; columns left out are ignored.",
    )


class ImportOutput(serializers.ModelSerializer[ContactImport]):
    """An import: what its file says, row by row for the first 50, and how far it is.

    `filename` is empty once the file is deleted: it may name a person.
    """

    list = serializers.UUIDField(source="list_id", read_only=True, allow_null=True)
    columns = serializers.ListField(child=serializers.CharField(), read_only=True)
    mapping = serializers.DictField(child=serializers.CharField(), read_only=True)
    options = serializers.DictField(read_only=True)
    verdicts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    sample = serializers.ListField(child=serializers.DictField(), read_only=True)
    has_refused_file = serializers.SerializerMethodField()
    created_at = Instant(read_only=True)
    finished_at = Instant(read_only=True, allow_null=True)

    class Meta:
        model = ContactImport
        fields = (
            "id", "filename", "sha256", "status", "error", "columns", "mapping", "options",
            "sample", "list", "rows_total", "rows_done", "created_count", "updated_count",
            "refused_count", "verdicts", "has_refused_file", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.BOOL)
    def get_has_refused_file(self, found: ContactImport) -> bool:
        """Say whether there is a file of refused rows to download."""
        return bool(found.refused_file)
