"""What the list of templates can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from config.lib.api.filters import StrictFilterSet
from templates_mgmt.models import Template


class TemplateFilter(StrictFilterSet):
    """Templates by account, name, language, category, state and quality."""

    account = filters.UUIDFilter(field_name="account_id")
    name = filters.CharFilter(max_length=512)
    language = filters.CharFilter(max_length=12)
    category = filters.ChoiceFilter(choices=Template.Category.choices)
    status = filters.ChoiceFilter(choices=Template.Status.choices)
    quality = filters.ChoiceFilter(choices=Template.Quality.choices)

    class Meta:
        model = Template
        fields = ("account", "name", "language", "category", "status", "quality")
