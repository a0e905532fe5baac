"""Forms in the admin's look, without naming a widget on every field."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django import forms
from unfold import widgets

from config.lib.errors import ProjectError

_LOOKS: Final[tuple[tuple[type[forms.Widget], Any], ...]] = (
    (forms.PasswordInput, widgets.UnfoldAdminPasswordWidget),
    (forms.EmailInput, widgets.UnfoldAdminEmailInputWidget),
    (forms.URLInput, widgets.UnfoldAdminURLInputWidget),
    (forms.NumberInput, widgets.UnfoldAdminIntegerFieldWidget),
    (forms.CheckboxSelectMultiple, widgets.UnfoldAdminCheckboxSelectMultipleWidget),
    (forms.RadioSelect, widgets.UnfoldAdminRadioSelectWidget),
    (forms.SelectMultiple, widgets.UnfoldAdminSelectMultipleWidget),
    (forms.Select, widgets.UnfoldAdminSelectWidget),
    (forms.CheckboxInput, widgets.UnfoldBooleanSwitchWidget),
    (forms.Textarea, widgets.UnfoldAdminTextareaWidget),
    (forms.ClearableFileInput, widgets.UnfoldAdminFileFieldWidget),
    (forms.TextInput, widgets.UnfoldAdminTextInputWidget),
)


class OperatorForm(forms.Form):
    """A form of an operator's page. `for_` gives it the reader and the row it is about.

    A refusal of the domain in `clean` or `clean_<field>` comes back on the form.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            if name == "clean" or name.startswith("clean_"):
                setattr(cls, name, _refusing(method))

    def __init__(self, *args: Any, request: Any = None, obj: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.obj = obj
        self.prepare()
        dress(self)

    def prepare(self) -> None:
        """Fill choices and first values from `self.request` and `self.obj`; nothing by default."""


def _refusing(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let a cleaning method refuse with the domain's errors, too."""
    is_whole = method.__name__ == "clean"

    @wraps(method)
    def clean(form: Any) -> Any:
        try:
            return method(form)
        except ProjectError as error:
            if is_whole and error.attr and error.attr in form.fields:
                raise forms.ValidationError({error.attr: error.detail}) from error
            raise forms.ValidationError(error.detail) from error

    return clean


def dress(form: forms.BaseForm) -> None:
    """Give every plain widget of the form the admin's look."""
    for field in form.fields.values():
        field.widget = _dressed(field)


def _dressed(field: forms.Field) -> forms.Widget:
    plain: forms.Widget = field.widget
    if type(plain).__module__.startswith("unfold") or plain.is_hidden:
        return plain
    if isinstance(plain, forms.DateTimeInput):
        attrs = {"class": " ".join(widgets.INPUT_CLASSES), "type": "datetime-local"}
        return forms.DateTimeInput(attrs=attrs | plain.attrs, format="%Y-%m-%dT%H:%M")
    if isinstance(plain, forms.DateInput):
        attrs = {"class": " ".join(widgets.INPUT_CLASSES), "type": "date"}
        return forms.DateInput(attrs=attrs | plain.attrs, format="%Y-%m-%d")
    for kind, look in _LOOKS:
        if isinstance(plain, kind):
            return _copy(plain, look, field)
    return plain


def _copy(plain: forms.Widget, look: Any, field: forms.Field) -> forms.Widget:
    made: forms.Widget = look(attrs={k: v for k, v in plain.attrs.items() if k != "class"})
    made.is_required = plain.is_required
    made.is_localized = plain.is_localized
    if isinstance(plain, forms.widgets.ChoiceWidget):
        made.choices = field.choices  # type: ignore[attr-defined]  # both are choice widgets
    return made
