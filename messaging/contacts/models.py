"""People: contacts with a phone, a Meta user id or both; tags, lists, imports."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from config.lib import moments
from config.lib.ids import new_id


class Contact(TenantModel):
    """One person of one business, however their number is spelt.

    `phone` is the number as given, in E.164; `phone_key` its canonical form, the same for every
    national spelling; `wa_id` what Meta answered with; `bsuid` Meta's business-scoped user id.
    `named_at` is when Meta told the name; empty for a name the business gave, which stays.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200, blank=True)
    named_at = models.DateTimeField(null=True, editable=False)
    phone = models.CharField(max_length=20, blank=True)
    phone_key = models.CharField(max_length=20, null=True, blank=True, editable=False)
    bsuid = models.CharField("Meta user id", max_length=140, null=True, blank=True)
    wa_id = models.CharField("WhatsApp id", max_length=32, blank=True, editable=False)
    username = models.CharField(max_length=80, blank=True, editable=False)
    language = models.CharField(max_length=12, blank=True)
    country = models.CharField(max_length=2, blank=True, editable=False)
    time_zone = models.CharField(max_length=64, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    undeliverable_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["business", "phone_key"], name="contact_one_per_phone"),
            models.UniqueConstraint(fields=["business", "bsuid"], name="contact_one_per_bsuid"),
            models.CheckConstraint(
                condition=models.Q(phone_key__isnull=False) | models.Q(bsuid__isnull=False),
                name="contact_has_an_address",
            ),
        ]
        indexes = [models.Index(fields=["business", "-id"], name="contact_list")]

    def __str__(self) -> str:
        return self.name or self.address

    @property
    def address(self) -> str:
        """The phone when there is one, else the Meta user id."""
        return self.phone or self.bsuid or ""

    @property
    def address_keys(self) -> list[str]:
        """Every key consent may be filed under."""
        return [key for key in (self.phone_key, self.bsuid) if key]


class Tag(TenantModel):
    """A word contacts are grouped by."""

    name = models.CharField(max_length=60)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["business", "name"], name="tag_once")]

    def __str__(self) -> str:
        return self.name


class ContactTag(TenantModel):
    """A contact carries a tag."""

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="entries")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="tag_entries")

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["tag", "contact"], name="contact_tag_once"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} is {self.tag_id}"


class ContactList(TenantModel):
    """A named list of contacts, as an import or an operator made it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    size = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["business", "name"], name="contact_list_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ListEntry(TenantModel):
    """A contact stands on a list."""

    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="entries")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="list_entries")

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["list", "contact"], name="list_entry_once"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} on {self.list_id}"


class ContactImport(TenantModel):
    """A file of contacts with consent on its way in.

    uploaded > previewing > ready > importing > done
                                            |> failed

    `filename` is as the operator's computer calls the file, which may name a person: it stands
    here only, goes with the file, and is copied nowhere. Everything else names the import.
    """

    class Status(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        PREVIEWING = "previewing", "Reading the file"
        READY = "ready", "Ready to import"
        IMPORTING = "importing", "Importing"
        DONE = "done", "Imported"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    filename = models.CharField(max_length=200)
    file = models.CharField(max_length=300, help_text="Path in the media storage.")
    sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.UPLOADED)
    columns = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    sample = models.JSONField(default=list)
    list = models.ForeignKey(
        ContactList, on_delete=models.SET_NULL, null=True, blank=True, related_name="imports"
    )
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    verdicts = models.JSONField(default=dict, help_text="Rows by verdict code.")
    refused_file = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    progress_at = models.DateTimeField(
        null=True, help_text="Last sign of life of the worker that reads or imports."
    )
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        abstract = False
        indexes = [
            models.Index(fields=["business", "-id"], name="contact_import_list"),
            # The sweep: imports whose worker was lost.
            models.Index(
                fields=["progress_at"],
                condition=models.Q(status__in=["uploaded", "previewing", "importing"]),
                name="contact_import_alive",
            ),
        ]

    def __str__(self) -> str:
        return self.filename or f"Import of {moments.short(self.created_at)}"
