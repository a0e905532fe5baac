"""Reading JSON without letting anything through that a later step would choke on."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 50


class StrictJSONParser(JSONParser):
    """Takes a JSON object in UTF-8: no NaN, NUL, lone surrogates or nesting beyond 50."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object; raises ParseError, or RequestDataTooBig past the size limit."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise RequestDataTooBig
        try:
            parsed = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error.msg}.") from error
        if not isinstance(parsed, dict):
            raise ParseError("The body must be a JSON object.")
        _check(parsed)
        return parsed


def require_clean(text: str) -> None:
    """Raise ParseError for a text that PostgreSQL or UTF-8 cannot hold."""
    if "\x00" in text:
        raise ParseError("NUL characters are not allowed.")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise ParseError("Lone surrogates are not allowed.")


def _check(parsed: dict[str, Any]) -> None:
    level: list[Any] = [parsed]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                require_clean(value)
        if not below:
            return
        level = below
    raise ParseError(f"The body is nested more than {DEEPEST} levels deep.")
