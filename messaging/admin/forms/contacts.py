"""Forms about people: who they are, their groups, their consent."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import Business
from compliance.models import Scope
from config.lib import addresses
from config.lib.admin import OperatorForm
from config.lib.errors import InvalidInput
from messaging.contacts import editing, tags
from messaging.contacts.models import ContactList, ContactTag

SCOPES = [("all", "Everything"), *Scope.choices]


class ContactForm(OperatorForm):
    """A person's own fields."""

    name = forms.CharField(max_length=200, required=False)
    phone = forms.CharField(
        label="Phone number",
        max_length=40,
        required=False,
        help_text="In any spelling. Without a country code it is read as a number of your country.",
    )
    bsuid = forms.CharField(
        label="Meta user id (BSUID)",
        max_length=140,
        required=False,
        help_text="For people who keep their number to themselves, such as ES.1349120865530.",
    )
    language = forms.CharField(max_length=12, required=False, help_text="Such as es or pt_BR.")
    tags = forms.CharField(
        required=False, help_text="Words to group people by, separated by commas."
    )
    attributes = forms.CharField(
        label="Variables",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One a line, as name = value. Campaigns can use them.",
    )

    def prepare(self) -> None:
        """Start from the person as they are."""
        contact = self.obj
        if contact is None or self.is_bound:
            return
        held = ContactTag.objects.filter(contact=contact).values_list("tag__name", flat=True)
        self.initial = {
            "name": contact.name,
            "phone": contact.phone,
            "bsuid": contact.bsuid or "",
            "language": contact.language,
            "tags": ", ".join(sorted(held)),
            "attributes": "\n".join(f"{k} = {v}" for k, v in contact.attributes.items()),
        }

    def clean_phone(self) -> str:
        """Read the number in any spelling."""
        text = self.cleaned_data["phone"].strip()
        if not text:
            return ""
        access = getattr(self.request, "access", None)
        business: Business | None = access.business if access else None
        region = business.region if business else None
        phone: str = _read(lambda: addresses.parse_phone(text, region=region or None))
        return phone

    def clean_bsuid(self) -> str:
        """Take a Meta user id only."""
        text: str = self.cleaned_data["bsuid"].strip()
        if text and not addresses.is_bsuid(text):
            raise forms.ValidationError(
                "This is no Meta user id: two letters of a country, a point, letters and digits."
            )
        return text

    def clean_tags(self) -> list[str]:
        """Split the words."""
        return split_tags(self.cleaned_data["tags"])

    def clean_attributes(self) -> dict[str, str]:
        """Read name = value, one a line."""
        found: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["attributes"].splitlines(), start=1):
            if not line.strip():
                continue
            name, sign, value = line.partition("=")
            if not sign:
                raise forms.ValidationError(f"Line {number} has no “=”: write name = value.")
            found[name.strip()] = value.strip()
        checked: dict[str, str] = _read(lambda: editing.checked_attributes(found))
        return checked

    def clean(self) -> dict[str, Any]:
        """Ask for at least one address."""
        data = super().clean() or {}
        has_errors = {"phone", "bsuid"} & set(self.errors)
        if not has_errors and not data.get("phone") and not data.get("bsuid"):
            self.add_error("phone", "Give a phone number or a Meta user id.")
        return data


class TagForm(OperatorForm):
    """Words to put on people."""

    tags = forms.CharField(label="Tags", help_text="Separated by commas.")

    def clean_tags(self) -> list[str]:
        """Split the words; one at least."""
        found = split_tags(self.cleaned_data["tags"])
        if not found:
            raise forms.ValidationError("Name at least one tag.")
        return found


class ListForm(OperatorForm):
    """A list to put people on: one there is, or a new one."""

    list = forms.ModelChoiceField(
        queryset=ContactList.objects.none(), required=False, empty_label="A new list"
    )
    name = forms.CharField(label="Name of the new list", max_length=120, required=False)

    def prepare(self) -> None:
        """Offer the lists of the business."""
        field = self.fields["list"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = ContactList.objects.order_by("name", "pk")

    def clean(self) -> dict[str, Any]:
        """Ask for one of the two."""
        data = super().clean() or {}
        if not data.get("list") and not data.get("name"):
            self.add_error("name", "Choose a list, or name a new one.")
        return data


class OptOutForm(OperatorForm):
    """Why people are to hear no more, and of what."""

    scope = forms.ChoiceField(label="Stop", choices=SCOPES, initial="all")
    reason = forms.CharField(
        max_length=200, help_text="How you know, such as “asked on the phone on 3 May”."
    )


class OptInForm(OperatorForm):
    """A consent with its evidence."""

    scope = forms.ChoiceField(label="Consent to", choices=SCOPES, initial=Scope.MARKETING)
    wording = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        help_text="The words the person agreed to: the evidence of the consent.",
    )
    reason = forms.CharField(
        label="How it was given", max_length=200, help_text="Such as “signed form in the shop”."
    )


def split_tags(text: str) -> list[str]:
    """Return the tags of a comma-separated text, as they are kept."""
    words = [word for word in text.split(",") if word.strip()]
    found: list[str] = _read(lambda: sorted({tags.normalise(word) for word in words}))
    return found


def _read(read: Any) -> Any:
    try:
        return read()
    except InvalidInput as error:
        raise forms.ValidationError(error.detail) from error


class EraseForm(OperatorForm):
    """Why these people are erased."""

    source = forms.CharField(
        label="Why these people",
        max_length=120,
        help_text="Without names: “No purchase since 2021”. They are noted first; nothing is "
        "deleted before the erasure is started.",
    )
