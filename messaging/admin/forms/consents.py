"""Forms about leaving somebody alone."""

from __future__ import annotations

from django import forms

from compliance import blocks, policy
from config.lib.admin import OperatorForm
from messaging.admin.forms.contacts import SCOPES


class BlockForm(OperatorForm):
    """How long, for what, and why."""

    days = forms.IntegerField(
        label="Days",
        min_value=1,
        max_value=blocks.LONGEST_DAYS,
        help_text="The block ends by itself then. It changes nothing the person said.",
    )
    scope = forms.ChoiceField(choices=SCOPES, initial="all")
    reason = forms.CharField(max_length=200, help_text="For example: asked for a quiet month.")

    def prepare(self) -> None:
        """Start from the days the business decided on."""
        self.fields["days"].initial = policy.current().block_days
