"""Serializer fields every app uses: numbers of phones, instants."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from rest_framework import serializers

from config.lib.addresses import Address as ParsedAddress
from config.lib.addresses import InvalidAddress, parse_phone


class PhoneNumber(serializers.CharField):
    """Takes a phone number in any common form and gives E.164 with "+".

    National numbers are read as those of the business's country.
    """

    def __init__(self, **kwargs: Any) -> None:
        """Take what CharField takes."""
        kwargs.setdefault("max_length", 64)
        kwargs.setdefault("help_text", "A phone number; always returned as E.164.")
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the number as E.164; a bad one is a validation error `invalid_recipient`."""
        text = super().to_internal_value(data)
        try:
            return self.read(text)
        except InvalidAddress as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error

    def read(self, text: str) -> str:
        """Parse the text in the region of the business."""
        return parse_phone(text, region=region_of(self.context))


class Address(PhoneNumber):
    """Takes a phone number or a Meta user id."""

    def __init__(self, **kwargs: Any) -> None:
        """Take what CharField takes."""
        kwargs.setdefault("max_length", 140)
        kwargs.setdefault("help_text", "A phone number or a Meta user id (BSUID).")
        super().__init__(**kwargs)

    def read(self, text: str) -> str:
        """Parse a number in the region of the business; leave a user id as it is."""
        return ParsedAddress.parse(text, region=region_of(self.context)).value


class Instant(serializers.DateTimeField):
    """A time in RFC 3339; given in any offset, returned in UTC with "Z"."""

    def __init__(self, **kwargs: Any) -> None:
        """Take what DateTimeField takes."""
        kwargs.setdefault("default_timezone", UTC)
        super().__init__(**kwargs)


def region_of(context: Mapping[str, Any]) -> str | None:
    """Return the country of the business a serializer works for, if there is one."""
    access = getattr(context.get("request"), "access", None)
    region: str | None = getattr(getattr(access, "business", None), "region", None)
    return region or None
