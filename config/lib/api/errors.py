"""The one error body: {"type", "errors": [{"code", "detail", "attr", "extra"?}]}."""

import dataclasses
from typing import Any, cast

import redis
from django.core.exceptions import (
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DataError, InterfaceError, OperationalError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import Error, ErrorResponse, ErrorType, ExceptionHandlerContext
from rest_framework import exceptions, serializers

from config.lib.errors import InvalidInput, ProjectError, RetryLater, Unavailable

RETRY_AFTER_SECONDS = 5

# The formatter never looks at it.
_NO_CONTEXT = cast(ExceptionHandlerContext, {})


class ErrorItem(serializers.Serializer[Any]):
    """One thing that went wrong."""

    code = serializers.CharField(help_text="For programs.")
    detail = serializers.CharField(help_text="For people.")
    attr = serializers.CharField(allow_null=True, help_text="The field at fault, if one is.")
    extra = serializers.DictField(required=False, help_text="Further facts, by code.")


class ErrorBody(serializers.Serializer[Any]):
    """The body of every answer from 400 upwards."""

    type = serializers.CharField(help_text="validation_error, client_error or server_error.")
    errors = ErrorItem(many=True)  # type: ignore[assignment]  # the name the contract fixes


class TooLarge(exceptions.APIException):
    """The body is larger than the server reads."""

    status_code = 413
    default_code = "too_large"
    default_detail = "The request body is too large."


class Translated(exceptions.APIException):
    """A ProjectError as REST framework sees it."""

    def __init__(self, error: ProjectError) -> None:
        super().__init__(error.detail, error.code)
        self.status_code = error.status
        self.error = error
        if isinstance(error, RetryLater):
            self.wait = max(1, error.retry_after_seconds)


class Handler(ExceptionHandler):
    """Turns our failures, and those of the database and Redis, into HTTP's."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """Translate what is expected to fail; anything left is a bug and a 500."""
        return known(exc) or super().convert_known_exceptions(exc)


class Formatter(ExceptionFormatter):
    """Adds the field at fault and further facts of a ProjectError to the body."""

    def get_error_type(self) -> ErrorType:
        """Call bad input what it is, wherever it was found."""
        if isinstance(self.exc, Translated) and isinstance(self.exc.error, InvalidInput):
            return "validation_error"
        return super().get_error_type()

    def get_errors(self) -> list[Error]:
        """Keep the field of a ProjectError."""
        if isinstance(self.exc, Translated):
            error = self.exc.error
            return [Error(error.code, error.detail, error.attr)]
        return list(super().get_errors())

    def format_error_response(self, error_response: ErrorResponse) -> Any:
        """Add `extra` where there is any."""
        body = dataclasses.asdict(error_response)
        if isinstance(self.exc, Translated) and self.exc.error.extra:
            body["errors"][0]["extra"] = self.exc.error.extra
        return body


def known(error: BaseException) -> exceptions.APIException | None:
    """Return the HTTP failure an exception stands for, or None for a bug."""
    if isinstance(error, ProjectError):
        return Translated(error)
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return TooLarge()
    if isinstance(error, SuspiciousOperation):
        return exceptions.ParseError("The request is malformed.")
    if isinstance(error, DataError):
        return exceptions.ValidationError("A value is out of range.", code="invalid")
    if isinstance(error, OperationalError | InterfaceError):
        return _down("The database is not available.")
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return _down("Redis is not available.")
    return None


def body_of(error: exceptions.APIException) -> dict[str, Any]:
    """Return the body for an error raised outside of any API view."""
    body: dict[str, Any] = Formatter(error, _NO_CONTEXT, error).run()
    return body


def _down(detail: str) -> Translated:
    return Translated(Unavailable(detail, retry_after_seconds=RETRY_AFTER_SECONDS))
