"""Answers, and the ways not to answer."""

import os
from itertools import count
from typing import Any, NoReturn

import orjson
from aiohttp import web
from multidict import CIMultiDict

from config.dev.sandbox.errors import MetaError

_HEADERS = {"Content-Type": "application/json; charset=UTF-8", "facebook-api-version": "v25.0"}
_process = os.urandom(6).hex()
_serial = count(1)


class ServerFault(Exception):
    """Answer 500, with Meta's error body or with a page of HTML."""

    def __init__(self, *, meta_body: bool) -> None:
        super().__init__("server fault")
        self.meta_body = meta_body


class ConnectionDropped(Exception):
    """The connection was closed on purpose; there is nobody to answer to."""


def trace_id() -> str:
    """Return an id as Meta puts it into errors and headers."""
    return f"A{_process}{next(_serial):x}"


def json_bytes(body: bytes, status: int = 200) -> web.Response:
    """Answer with JSON that is already bytes."""
    return web.Response(body=body, status=status, headers=CIMultiDict(_HEADERS))


def json_answer(value: Any, status: int = 200) -> web.Response:
    """Answer with a value as JSON."""
    return json_bytes(orjson.dumps(value), status)


def refusal(error: MetaError) -> web.Response:
    """Answer with Meta's error envelope."""
    trace = trace_id()
    response = json_bytes(error.body(trace), error.status)
    response.headers["x-fb-trace-id"] = trace
    if error.code == 190:
        response.headers["WWW-Authenticate"] = 'OAuth "Facebook Platform" "invalid_token"'
    return response


def server_fault(fault: ServerFault) -> web.Response:
    """Answer as a broken server does."""
    if fault.meta_body:
        return refusal(MetaError(131000, status=500))
    page = b"<html><body>Sorry, something went wrong.</body></html>"
    return web.Response(body=page, status=502, content_type="text/html")


def drop(request: web.BaseRequest) -> NoReturn:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionDropped
