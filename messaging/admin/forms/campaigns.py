"""The steps of a campaign: what, to whom, with which values, when."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms

from config.lib.admin import OperatorForm, asking
from config.lib.errors import ProjectError
from messaging.admin.forms.contacts import split_tags
from messaging.campaigns import preview
from messaging.campaigns.errors import AudienceInvalid
from messaging.contacts.models import ContactImport, ContactList, Tag
from messaging.senders.models import Sender
from templates_mgmt.components import Variable
from templates_mgmt.models import Template

FIXED: Final = "value"
FIELDS: Final = (
    ("first_name", "First name"),
    ("name", "Full name"),
    ("phone", "Phone number"),
    ("language", "Language"),
    ("country", "Country"),
    ("username", "Username"),
)
SOURCES: Final = (
    ("all", "Everybody", "All the people of this business."),
    ("list", "A list", "People on one list; every import makes one."),
    ("tag", "A tag", "People who carry a tag."),
    ("import", "An import", "People of one imported file."),
)


# Part of an audience: its field.
_FIELD_OF: Final = {
    "audience.list": "list",
    "audience.tag": "tag",
    "audience.import": "contact_import",
    "audience.filter.tags.any": "tags_any",
    "audience.filter.tags.none": "tags_none",
    "audience.filter.country": "countries",
    "audience.filter.language": "languages",
}


class MessageForm(OperatorForm):
    """What is sent, and from which number."""

    name = forms.CharField(
        label="Name of the campaign", max_length=120, help_text="For you and your colleagues."
    )
    sender = forms.ModelChoiceField(label="From", queryset=Sender.objects.none(), empty_label=None)
    template = forms.ModelChoiceField(
        queryset=Template.objects.none(),
        empty_label="Choose a template…",
        help_text="Templates Meta has approved.",
    )

    def prepare(self) -> None:
        """Offer the numbers and what they may send."""
        sender, template = self.fields["sender"], self.fields["template"]
        if isinstance(sender, forms.ModelChoiceField):
            rows = Sender.objects.order_by("-is_default", "pk")
            sender.queryset = asking.access_of(self.request).limit("messages.bulk_send", rows)
        if isinstance(template, forms.ModelChoiceField):
            rows = Template.objects.filter(status=Template.Status.APPROVED)
            template.queryset = rows.exclude(category="authentication").order_by("name", "language")
            template.label_from_instance = _label  # type: ignore[method-assign,assignment]  # Django's own way

    def clean(self) -> dict[str, Any]:
        """Keep number and template of one account."""
        data = super().clean() or {}
        sender, template = data.get("sender"), data.get("template")
        if sender and template and sender.account_id != template.account_id:
            self.add_error(
                "template", "This template belongs to another WhatsApp account than the number."
            )
        return data


class AudienceForm(OperatorForm):
    """Who gets it: a starting point, narrowed down."""

    source = forms.ChoiceField(choices=[(key, label) for key, label, _ in SOURCES], initial="all")
    list = forms.ModelChoiceField(queryset=ContactList.objects.none(), required=False)
    tag = forms.ModelChoiceField(queryset=Tag.objects.none(), required=False)
    contact_import = forms.ModelChoiceField(
        label="Import", queryset=ContactImport.objects.none(), required=False
    )
    tags_any = forms.CharField(
        label="With any of these tags", required=False, help_text="Separated by commas."
    )
    tags_none = forms.CharField(
        label="Without these tags", required=False, help_text="Separated by commas."
    )
    countries = forms.CharField(required=False, help_text="Two-letter codes, such as ES, MX.")
    languages = forms.CharField(required=False, help_text="Such as es, pt_BR.")

    def prepare(self) -> None:
        """Offer lists, tags and imports of the business; start from what was chosen."""
        rows: dict[str, Any] = {
            "list": ContactList.objects.order_by("-pk"),
            "tag": Tag.objects.order_by("name"),
            "contact_import": ContactImport.objects.filter(
                status=ContactImport.Status.DONE, list__isnull=False
            ).order_by("-pk"),
        }
        for name, queryset in rows.items():
            self.fields[name].queryset = queryset  # type: ignore[attr-defined]  # a model choice
        if not self.is_bound:
            self.initial = _first(self.obj or {})

    def clean(self) -> dict[str, Any]:
        """Ask for what the starting point needs."""
        data = super().clean() or {}
        source = data.get("source", "all")
        field = "contact_import" if source == "import" else source
        if source != "all" and not data.get(field):
            self.add_error(field, "Choose one.")
        for name in ("tags_any", "tags_none"):
            try:
                data[name] = split_tags(data.get(name, ""))
            except forms.ValidationError as error:
                self.add_error(name, error)
        return data

    def refuse(self, error: ProjectError) -> None:
        """Put what is wrong with the audience beside the fields it came from."""
        if not isinstance(error, AudienceInvalid):
            self.add_error(None, error.detail)
            return
        for finding in error.findings:
            self.add_error(_FIELD_OF.get(finding.path), finding.detail)

    def spec(self) -> dict[str, Any]:
        """Return the audience as campaigns keep it."""
        data = self.cleaned_data
        spec: dict[str, Any] = {}
        if data["source"] == "list":
            spec["list"] = str(data["list"].pk)
        elif data["source"] == "tag":
            spec["tag"] = data["tag"].name
        elif data["source"] == "import":
            spec["import"] = str(data["contact_import"].pk)
        if narrowed := _narrowed(data):
            spec["filter"] = narrowed
        return spec or {"all": True}


class VariablesForm(OperatorForm):
    """Where the value of each variable comes from, and what stands in when there is none."""

    person = forms.IntegerField(widget=forms.HiddenInput, required=False, initial=0)

    def __init__(
        self, *args: Any, template: Template, mapping: dict[str, Any], names: Any, **kwargs: Any
    ) -> None:
        self.template, self.held, self.names = template, mapping, list(names)
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        """Add two fields for each variable."""
        choices = [
            *FIELDS,
            *((f"attributes.{name}", f"Variable “{name}”") for name in self.names),
            (FIXED, "The same for everybody:"),
        ]
        for variable in self.variables:
            source = _as_source(self.held.get(variable.key))
            source = source or preview.guess(variable, self.names)
            is_fixed = "field" not in source
            self.fields[f"source-{variable.key}"] = forms.ChoiceField(
                label=title_of(variable),
                choices=choices,
                initial=FIXED if is_fixed else source["field"],
            )
            self.fields[f"text-{variable.key}"] = forms.CharField(
                label="Text" if is_fixed else "If empty",
                required=False,
                max_length=2000,
                initial=source.get("value") if is_fixed else source.get("default"),
                widget=forms.TextInput(attrs={"placeholder": self._sample(variable)}),
                help_text=self._help(variable),
            )

    def clean(self) -> dict[str, Any]:
        """Ask for what everybody reads, and for no more than the end of a button's address."""
        data = super().clean() or {}
        for one in self.variables:
            name = f"text-{one.key}"
            text = data.get(name, "")
            is_fixed = data.get(f"source-{one.key}") == FIXED
            if is_fixed and one.required and not text and name not in self.errors:
                self.add_error(
                    name, "This variable has no value: write what everybody reads, or take a field."
                )
            elif one.kind == "url" and text.startswith(("https://", "http://")):
                self._check_end(name, one, text)
        return data

    def _check_end(self, name: str, variable: Variable, text: str) -> None:
        before = preview.address_before(self.template, variable)
        if before and text.startswith(before):
            end = text.removeprefix(before)
            self.add_error(name, f"Give only what comes after {before}, here: {end or 'nothing'}.")

    def _sample(self, variable: Variable) -> str:
        if variable.kind == "media":
            return "https://"
        if variable.kind == "url":
            before = preview.address_before(self.template, variable)
            return variable.example.removeprefix(before)
        return variable.example

    def _help(self, variable: Variable) -> str:
        if variable.kind == "media":
            return "The address of the file."
        if variable.kind != "url":
            return ""
        before = preview.address_before(self.template, variable)
        return f"Only the end of the address: what comes after {before}"

    @property
    def variables(self) -> list[Variable]:
        """Return the template's variables."""
        return [one for one in preview.variables_of(self.template) if is_asked(one)]

    @property
    def pairs(self) -> list[tuple[Variable, Any, Any]]:
        """Return each variable with its two fields."""
        return [(one, self[f"source-{one.key}"], self[f"text-{one.key}"]) for one in self.variables]

    def mapping(self) -> dict[str, Any]:
        """Return the mapping as campaigns keep it."""
        found: dict[str, Any] = {}
        for one in self.variables:
            source = self.cleaned_data.get(f"source-{one.key}")
            text = self.cleaned_data.get(f"text-{one.key}", "")
            if source == FIXED:
                if text or one.required:
                    found[one.key] = {"value": text}
            elif source:
                found[one.key] = {"field": source, "default": text}
        return found


class LaunchForm(OperatorForm):
    """Now or later, and until when at the latest."""

    when = forms.ChoiceField(choices=[("now", "Now"), ("later", "Later")], initial="now")
    scheduled_at = forms.DateTimeField(
        label="Start at",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "sw-input"}),
    )
    not_after = forms.DateTimeField(
        label="Not after",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": "sw-input"}),
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        self.zone = zone
        super().__init__(*args, **kwargs)

    def clean_scheduled_at(self) -> datetime | None:
        """Read the time in the business's zone."""
        return self._local("scheduled_at")

    def clean_not_after(self) -> datetime | None:
        """Read the time in the business's zone."""
        return self._local("not_after")

    def clean(self) -> dict[str, Any]:
        """Ask for a time when it is later."""
        data = super().clean() or {}
        if data.get("when") == "later" and not data.get("scheduled_at"):
            self.add_error("scheduled_at", "Say when.")
        return data

    def _local(self, name: str) -> datetime | None:
        at: datetime | None = self.cleaned_data[name]
        return at.replace(tzinfo=self.zone) if at else None


def _as_source(held: Any) -> dict[str, Any]:
    """Return a source as campaigns may keep it, also one that is just its value."""
    if held is None or (isinstance(held, dict) and {"field", "value", "default"} & set(held)):
        return held or {}
    return {"value": held}


def is_asked(variable: Variable) -> bool:
    """Leave out what a quick reply sends back, which has its own text when nothing is given."""
    return variable.required or variable.kind != "payload"


def title_of(variable: Variable) -> str:
    """Return what a variable is called on the page."""
    place = {"header": "Header", "button": "Button"}.get(variable.component, "")
    name = f"{{{{{variable.name}}}}}" if variable.kind == "text" else variable.label
    return f"{place} {name or variable.key}".strip()


def _label(template: Any) -> str:
    return f"{template.name} · {template.language} · {template.get_category_display()}"


def _first(spec: dict[str, Any]) -> dict[str, Any]:
    given = spec.get("filter", {})
    tags = given.get("tags", {})
    source = next((key for key in ("list", "tag", "import") if key in spec), "all")
    tag = Tag.objects.filter(name=spec["tag"]).first() if "tag" in spec else None
    return {
        "source": source,
        "list": spec.get("list"),
        "contact_import": spec.get("import"),
        "tag": tag.pk if tag else None,
        "tags_any": ", ".join(tags.get("any", [])),
        "tags_none": ", ".join(tags.get("none", [])),
        "countries": ", ".join(given.get("country", [])),
        "languages": ", ".join(given.get("language", [])),
    }


def _narrowed(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tags = {name: data[f"tags_{name}"] for name in ("any", "none") if data.get(f"tags_{name}")}
    if tags:
        found["tags"] = tags
    for name, field in (("country", "countries"), ("language", "languages")):
        words = [word.strip() for word in data.get(field, "").split(",") if word.strip()]
        if words:
            found[name] = words
    return found
