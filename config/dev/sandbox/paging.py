"""Graph API lists: `limit`, `after`, `before`, and the cursors in the answer."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64

from aiohttp import web

from config.dev.sandbox.errors import Json, MetaError

DEFAULT_LIMIT = 25
MAX_LIMIT = 1000


def page(request: web.BaseRequest, rows: list[Json]) -> Json:
    """Return one page of the rows with its cursors, and `next` when there is more."""
    limit = _limit(request)
    if "after" in request.query:
        start = _position(request.query["after"]) + 1
    elif "before" in request.query:
        start = max(0, _position(request.query["before"]) - limit)
    else:
        start = 0
    shown = rows[start : start + limit]
    answer: Json = {"data": shown}
    if shown:
        after = _cursor(start + len(shown) - 1)
        answer["paging"] = {"cursors": {"before": _cursor(start), "after": after}}
        if start + len(shown) < len(rows):
            url = request.url.without_query_params("before").update_query(after=after)
            answer["paging"]["next"] = str(url)
    return answer


def _limit(request: web.BaseRequest) -> int:
    text = request.query.get("limit", str(DEFAULT_LIMIT))
    if not text.isdigit() or not 1 <= int(text) <= MAX_LIMIT:
        raise MetaError(100, "Param limit must be a number from 1 to 1000")
    return int(text)


def _cursor(position: int) -> str:
    return urlsafe_b64encode(f"at:{position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(urlsafe_b64decode(cursor).decode().removeprefix("at:"))
    except (NotBase64, ValueError):
        raise MetaError(100, "Invalid cursor: the after or before cursor is malformed") from None
