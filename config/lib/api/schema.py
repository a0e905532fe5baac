"""The OpenAPI document: what each operation may answer, and the headers it takes."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.openapi import AutoSchema

from config.lib.api import idempotency, permissions

_ONLY_FOR = {
    "409": {"POST", "PUT", "PATCH", "DELETE"},
    "413": {"POST", "PUT", "PATCH"},
    "415": {"POST", "PUT", "PATCH"},
}


class Schema(AutoSchema):
    """Documents errors, idempotency, the business header and the permission needed."""

    def _should_add_error_response(self, responses: dict[str, Any], status_code: str) -> bool:
        if self.method not in _ONLY_FOR.get(status_code, {self.method}):
            return False
        # A refused sign-in; a business, or a row named in the body, that is not the caller's.
        if status_code in ("401", "404"):
            return True
        return bool(super()._should_add_error_response(responses, status_code))

    def get_override_parameters(self) -> list[Any]:
        """Add the headers every view of ours reads."""
        parameters = list(super().get_override_parameters())
        needed = permissions.declared(self.view, self.method)
        if needed not in (None, permissions.PUBLIC):
            parameters.append(_BUSINESS)
        if self.method == "POST" and getattr(self.view, "idempotent", False):
            parameters.append(_IDEMPOTENCY_KEY)
        return parameters

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        """Say which permission the operation needs."""
        text = str(super().get_description() or "")
        needed = permissions.declared(self.view, self.method)
        if needed in (None, permissions.PUBLIC, permissions.SIGNED_IN):
            return text
        return f"{text}\n\nPermission: `{needed}`.".strip()


_BUSINESS = OpenApiParameter(
    "X-Business-Id",
    location=OpenApiParameter.HEADER,
    type={"type": "string", "format": "uuid"},
    description="The business to act in, for users who belong to several.",
)
_IDEMPOTENCY_KEY = OpenApiParameter(
    idempotency.HEADER,
    location=OpenApiParameter.HEADER,
    type={"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST_KEY},
    description="Makes the request happen once: the first answer is kept 24 hours and replayed.",
)


def share_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Write each answer that many operations give once, and refer to it."""
    shared: dict[str, Any] = {}
    for path in result.get("paths", {}).values():
        for operation in path.values():
            responses = operation.get("responses", {})
            for status, answer in responses.items():
                if int(status) < 400:
                    continue
                name = f"Error{status}"
                if shared.setdefault(name, answer) == answer:
                    responses[status] = {"$ref": f"#/components/responses/{name}"}
    result.setdefault("components", {})["responses"] = shared
    return result
