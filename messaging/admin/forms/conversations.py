"""Forms of the inbox: an answer in words, as a template, with a file."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from django import forms

from config.lib.admin import OperatorForm
from messaging.admin.forms.campaigns import is_asked, title_of
from messaging.conversations.models import Conversation
from messaging.inbox import threads
from templates_mgmt import catalog, compiled
from templates_mgmt.components import CompiledTemplate, Variable
from templates_mgmt.models import Template

VARIABLE: Final = "variable-"


class ReplyForm(OperatorForm):
    """A text, or a file with words to it. The key makes a second click harmless."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    body = forms.CharField(
        label="Answer",
        required=False,
        max_length=4096,
        widget=forms.Textarea(
            attrs={"rows": 2, "class": "sw-input", "placeholder": "Write an answer…"}
        ),
    )
    file = forms.FileField(required=False, widget=forms.FileInput(attrs={"hidden": True}))

    def prepare(self) -> None:
        """Give a form without a key one of its own."""
        self.initial.setdefault("key", str(uuid4()))

    def clean(self) -> dict[str, Any]:
        """Ask for words or a file."""
        data = super().clean() or {}
        if not (data.get("body") or "").strip() and not data.get("file"):
            self.add_error("body", "Write something first.")
        return data


class TemplateForm(OperatorForm):
    """A template and its variables: what may be sent after the window."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    template = forms.ModelChoiceField(queryset=Template.objects.none(), empty_label="Choose one…")

    def prepare(self) -> None:
        """Offer what the number's account may send; ask for the variables of the one chosen."""
        conversation: Conversation = self.obj
        self.initial.setdefault("key", str(uuid4()))
        field = self.fields["template"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = catalog.list_sendable(conversation.sender.account)
        chosen = self.chosen()
        for variable in asked(chosen):
            first = conversation.contact.name.partition(" ")[0]
            self.fields[f"{VARIABLE}{variable.key}"] = forms.CharField(
                label=title_of(variable),
                required=variable.required,
                initial=first if variable.key in {"1", "name", "first_name"} else "",
                help_text=f"For example {variable.example}" if variable.example else "",
            )

    def template_chosen(self) -> Template | None:
        """Return the template chosen, in the form or in the address."""
        conversation: Conversation = self.obj
        key = self.data.get("template") if self.is_bound else self.initial.get("template")
        if not key:
            return None
        try:
            return catalog.list_sendable(conversation.sender.account).filter(pk=key).first()
        except (ValueError, forms.ValidationError):
            return None

    def chosen(self) -> CompiledTemplate | None:
        """Return the template chosen, ready to be filled."""
        template = self.template_chosen()
        return compiled.of(template) if template else None

    def values(self) -> dict[str, str]:
        """Return the variables as given."""
        given: Any = self.cleaned_data if hasattr(self, "cleaned_data") else self.initial
        chosen = self.chosen()
        found: dict[str, str] = {}
        for variable in asked(chosen):
            name = f"{VARIABLE}{variable.key}"
            value = given.get(name) or (self.data.get(name) if self.is_bound else None)
            found[variable.key] = str(value or self.fields[name].initial or "")
        return {key: value for key, value in found.items() if value}


def asked(chosen: CompiledTemplate | None) -> list[Variable]:
    """Return the variables an operator fills."""
    return [one for one in chosen.variables if is_asked(one)] if chosen else []


class AssignForm(OperatorForm):
    """Who looks after the conversation."""

    to = forms.ModelChoiceField(queryset=None, required=False, empty_label="Given to nobody")  # type: ignore[var-annotated]  # set in prepare

    def prepare(self) -> None:
        """Offer the members of the business."""
        conversation: Conversation = self.obj
        field = self.fields["to"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = threads.list_assignees(conversation.business_id)
        self.initial.setdefault("to", conversation.assigned_to_id)
