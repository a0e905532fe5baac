"""Routes every request and runs the server.

The Graph API has one level of ids for everything, so a path is `/{version}/{id}/{edge}` and the
edge picks the handler. The one hot path, sending a message, is tried first.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage

from config.dev.sandbox import control, files, graph, page, sending, templates
from config.dev.sandbox.answers import ConnectionDropped, ServerFault, refusal, server_fault
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.errors import MetaError, unknown_object
from config.dev.sandbox.faults import Faults
from config.dev.sandbox.options import Options
from config.dev.sandbox.outbox import Outbox
from config.dev.sandbox.wheel import Wheel
from config.dev.sandbox.world import World

MAX_BODY = 110 * 1024 * 1024
EDGES: dict[tuple[str, str], Callable[..., Awaitable[web.StreamResponse]]] = {
    ("POST", "messages"): sending.post_message,
    ("POST", "marketing_messages"): sending.post_message,
    **graph.EDGES,
    **templates.EDGES,
    **files.EDGES,
}
log = logging.getLogger("sandbox")


def build(options: Options) -> Sandbox:
    """Put the parts together; nothing runs yet."""
    faults = Faults()
    wheel = Wheel()
    outbox = Outbox(
        url="" if options.sink else options.webhook_url,
        secret=options.app_secret,
        retry_max_seconds=options.retry_max_seconds,
        faults=faults,
        wheel=wheel,
    )
    world = World(Path(options.seed_file))
    return Sandbox(options=options, world=world, outbox=outbox, wheel=wheel, faults=faults)


def check_token(sandbox: Sandbox, request: web.BaseRequest) -> None:
    """Take any Bearer token that was not declared invalid."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme not in ("Bearer", "OAuth") or not token:
        raise MetaError(190, "An access token is required to request this resource.")
    if token in sandbox.faults.invalid_tokens:
        raise MetaError(190, "The access token is invalid or has expired.", subcode=463)


async def _route(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    path = request.path
    parts = path.split("/")
    if not (len(parts) > 2 and parts[1][:1] == "v" and parts[1][1:2].isdigit()):
        return await _route_elsewhere(sandbox, request, path)
    check_token(sandbox, request)
    node = parts[2]
    edge = "/".join(parts[3:])
    handler = EDGES.get((request.method, edge))
    if handler is None:
        raise unknown_object(node, request.method.lower())
    return await handler(sandbox, request, node)


async def _route_elsewhere(
    sandbox: Sandbox, request: web.BaseRequest, path: str
) -> web.StreamResponse:
    if path.startswith(files.DOWNLOADS):
        check_token(sandbox, request)
        return await files.download(sandbox, request, path.removeprefix(files.DOWNLOADS))
    if path in page.FILES:
        return page.static(path)
    return await control.route(sandbox, request, path)


def handler_for(sandbox: Sandbox) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """Return the function the web server calls for each request."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await _route(sandbox, request)
        except MetaError as error:
            return refusal(error)
        except ServerFault as fault:
            return server_fault(fault)
        except ConnectionDropped:
            return web.Response(status=499)
        except (AttributeError, KeyError, TypeError, ValueError):
            log.exception("a malformed request was not understood: %s", request.path)
            return refusal(MetaError(100, "Invalid parameter"))

    return handle


def web_server(sandbox: Sandbox) -> web.Server:
    """Return the web server, which takes bodies as large as Meta's largest file."""
    request = partial(web.BaseRequest, client_max_size=MAX_BODY)

    def make(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return request(message, payload, protocol, writer, task, loop)

    return web.Server(handler_for(sandbox), request_factory=make, access_log=None)


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Sandbox]:
    """Run the sandbox inside this block. Raises OSError when the port is taken."""
    sandbox = build(options)
    runner = web.ServerRunner(web_server(sandbox))
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port, backlog=1024).start()
        await sandbox.start()
        sandbox.base_url = f"http://{options.host}:{runner.addresses[0][1]}"
        yield sandbox
    finally:
        await sandbox.stop()
        await runner.cleanup()


async def serve(options: Options) -> None:
    """Serve until the process is told to stop."""
    async with running(options) as sandbox:
        if not options.quiet:
            target = "no webhooks (sink)" if options.sink else f"webhooks to {options.webhook_url}"
            print(f"sandbox: {sandbox.base_url}/  {target}", flush=True)
        await _until_told_to_stop()


async def _until_told_to_stop() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


def run(options: Options) -> int:
    """Run the server; return the exit code of the process."""
    import uvloop

    try:
        uvloop.run(serve(options))
    except OSError as error:
        print(f"sandbox: cannot listen on {options.host}:{options.port}: {error.strerror}")
        return 1
    return 0
