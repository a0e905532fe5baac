"""The kinds of failure every app builds on.

The concrete error lives beside the function that raises it and sets its own `code`.
`code` is for programs, `detail` for people, `attr` names the input field at fault and
`extra` carries further facts; none of them may hold phone numbers, tokens or message text.
"""

from collections.abc import Mapping


class ProjectError(Exception):
    """Say that something named went wrong; raise one of the kinds below."""

    status = 500
    code = "error"
    # A refusal that leaves something behind: what was written before it stays.
    keeps_work = False

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        attr: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.attr = attr
        self.extra = dict(extra or {})


class InvalidInput(ProjectError):
    """The caller can fix it."""

    status = 400
    code = "invalid"


class NotAllowed(ProjectError):
    """The caller may not do this."""

    status = 403
    code = "permission_denied"


class NotFound(ProjectError):
    """It does not exist, or lies outside the business in scope."""

    status = 404
    code = "not_found"


class Conflict(ProjectError):
    """The state of things says no."""

    status = 409
    code = "conflict"


class RetryLater(ProjectError):
    """The same call may succeed after `retry_after_seconds`."""

    def __init__(
        self,
        detail: str,
        *,
        retry_after_seconds: int = 5,
        code: str | None = None,
        attr: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail, code=code, attr=attr, extra=extra)
        self.retry_after_seconds = retry_after_seconds


class TooMany(RetryLater):
    """A limit of ours is used up for now."""

    status = 429
    code = "throttled"


class Unavailable(RetryLater):
    """A dependency is down."""

    status = 503
    code = "unavailable"
