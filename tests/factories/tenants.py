"""Factories of tenant models: rows are written whatever business is in scope."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from factory.django import DjangoModelFactory

from accounts import tenancy

M = TypeVar("M", bound=models.Model)


class SeeingFactory(DjangoModelFactory[M]):
    """A row of any business, whatever the test may see at that moment."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: type[M], *args: Any, **kwargs: Any) -> M:
        with tenancy.across(tenancy.Door.COMMAND):
            made: M = super()._create(model_class, *args, **kwargs)
            return made


class TenantFactory(SeeingFactory[M]):
    """A row of the business it is given, or of a new one; needs no scope."""

    class Meta:
        abstract = True

    @classmethod
    def _get_manager(cls, model_class: Any) -> Any:
        return model_class.across_businesses
