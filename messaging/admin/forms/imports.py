"""Forms of an import: the file, then what its columns mean."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from compliance.models import Scope
from config.lib.admin import OperatorForm
from messaging.contacts import columns
from messaging.contacts.choices import Choices
from messaging.contacts.models import ContactImport

PREFIX: Final = "column-"


class UploadForm(OperatorForm):
    """The file and the name of the list it fills."""

    file = forms.FileField(
        label="CSV or Excel file",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text="Up to 200 MB. Nothing is written before you have seen what would happen.",
    )
    list_name = forms.CharField(
        label="Name of the list",
        max_length=120,
        required=False,
        help_text="People in the file are put on this list. Left empty, a new one is named by the "
        "time of the import.",
    )


class MappingForm(OperatorForm):
    """What each column means and what is declared about everyone in the file."""

    list_name = forms.CharField(label="Name of the list", max_length=120, required=False)
    region = forms.CharField(
        label="Country of numbers without country code",
        max_length=2,
        required=False,
        help_text="Two letters, such as ES. Left empty: the country of your business.",
    )
    has_header = forms.BooleanField(label="The first row names the columns", required=False)
    everyone_agreed = forms.BooleanField(
        label="Everyone in this file agreed to be written to",
        required=False,
        help_text="For rows that say nothing about consent. A “no” in the file still counts.",
    )
    consent_scopes = forms.MultipleChoiceField(
        label="Consent is for", choices=Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    consent_wording = forms.CharField(
        label="Words they agreed to",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept as evidence with every consent of this import.",
    )

    def prepare(self) -> None:
        """Add a field for each column, as guessed or chosen before."""
        held: ContactImport = self.obj
        for index, column in enumerate(held.columns):
            self.fields[f"{PREFIX}{index}"] = forms.ChoiceField(
                label=column,
                choices=list(columns.TARGETS.items()),
                initial=held.mapping.get(column, columns.IGNORE),
                widget=forms.Select(attrs={"aria-label": f"Meaning of the column {column}"}),
            )
        chosen = Choices.of(held.options)
        self.initial = {
            "list_name": chosen.list_name,
            "region": chosen.region,
            "has_header": chosen.has_header,
            "everyone_agreed": chosen.everyone_agreed,
            "consent_scopes": [scope.value for scope in chosen.consent_scopes],
            "consent_wording": chosen.consent_wording,
        }

    @property
    def own_fields(self) -> list[Any]:
        """Return the fields that are not columns."""
        return [field for field in self if not field.name.startswith(PREFIX)]

    @property
    def column_fields(self) -> list[Any]:
        """Return a field for each column, in the file's order."""
        return [field for field in self if field.name.startswith(PREFIX)]

    def mapping(self) -> dict[str, object]:
        """Return what the columns mean."""
        held: ContactImport = self.obj
        return {
            column: self.cleaned_data[f"{PREFIX}{index}"]
            for index, column in enumerate(held.columns)
        }

    def changes(self) -> dict[str, Any]:
        """Return the other choices."""
        data = self.cleaned_data
        return {
            "list_name": data["list_name"],
            "region": data["region"].upper(),
            "has_header": data["has_header"],
            "everyone_agreed": data["everyone_agreed"],
            "consent_scopes": tuple(Scope(scope) for scope in data["consent_scopes"]),
            "consent_wording": data["consent_wording"],
        }
