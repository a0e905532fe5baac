"""Factories of tenant models: rows are written whatever business is in scope."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from factory.django import DjangoModelFactory

M = TypeVar("M", bound=models.Model)


class TenantFactory(DjangoModelFactory[M]):
    """A row of the business it is given, or of a new one; needs no scope."""

    class Meta:
        abstract = True

    @classmethod
    def _get_manager(cls, model_class: Any) -> Any:
        return model_class.across_businesses
