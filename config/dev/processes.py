"""Everything that serves, as child processes: web, worker, beat and the sandbox.

`Stack` is what `manage.py serve` runs, and what the demo and the crash tests build on.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from config.dev.embedded import EmbeddedError, Servers
from config.dev.embedded.host import LOOPBACK, REPOSITORY, is_port_free, may_listen, wait_until
from config.lib.jobs import BACKUPS, BULK, LONG, QUEUES

WEB: Final = "web"
WORKER: Final = "worker"
PUMP: Final = "pump"
BEAT: Final = "beat"
SANDBOX: Final = "sandbox"
NAMES: Final = (WEB, WORKER, PUMP, BEAT, SANDBOX)
WEB_WORKERS = 2
WEB_CONNECTIONS = 10  # to PostgreSQL, of each web worker
WORKER_CONCURRENCY = 3
PUMP_CONCURRENCY = 3
# Long work has processes of its own, so that replies and webhooks never wait behind a campaign.
LONG_QUEUES = frozenset({BULK, LONG, BACKUPS})
READY_SECONDS = 90.0
STOP_SECONDS = 15.0


class StackError(Exception):
    """The processes cannot start or one of them ended; the message is one line for a person."""


def commands(*, port: int, sandbox_port: int) -> dict[str, list[str]]:
    """Return the command line of every process by name."""
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
    web = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", LOOPBACK]
    web += ["--port", str(port), "--workers", str(WEB_WORKERS), "--log-level", "warning"]
    web += ["--workers-kill-timeout", "5"]
    return {
        WEB: [*web, "--respawn-failed-workers", "config.asgi:application"],
        WORKER: _worker(WORKER, set(QUEUES) - LONG_QUEUES, WORKER_CONCURRENCY),
        PUMP: _worker(PUMP, LONG_QUEUES, PUMP_CONCURRENCY),
        BEAT: [*celery, "beat", "--loglevel", "INFO"],
        SANDBOX: [sys.executable, "manage.py", "sandbox", "--port", str(sandbox_port)],
    }


def _worker(name: str, queues: Collection[str], concurrency: int) -> list[str]:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker"]
    command += ["--hostname", f"{name}@%h", "--queues", ",".join(sorted(queues))]
    return [*command, "--loglevel", "INFO", "--concurrency", str(concurrency)]


def development_env(*, port: int, sandbox_port: int) -> dict[str, str]:
    """Return the settings of a development stack; the environment's own values win."""
    return {
        "DEBUG": "1",
        "META_APP_SECRET": "dev-app-secret",
        "META_VERIFY_TOKEN": "dev-verify-token",
        "META_GRAPH_URL": f"http://{LOOPBACK}:{sandbox_port}",
        "PUBLIC_URL": f"http://localhost:{port}",
        "SANDBOX_WEBHOOK_URL": f"http://{LOOPBACK}:{port}/api/whatsapp/delivery/webhook",
    }


class ManagedProcess:
    """One child in a process group of its own; its lines go to the terminal or a file."""

    def __init__(self, name: str, command: Sequence[str], write: Callable[[str, bytes], None]):
        self.name = name
        self.command = list(command)
        self._write = write
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id, also of its group."""
        if self._process is None:
            raise StackError(f"{self.name} has not been started.")
        return self._process.pid

    def start(self, env: Mapping[str, str]) -> None:
        """Start the process, again if it has ended."""
        self._process = subprocess.Popen(  # noqa: S603  # our own programs
            self.command,
            cwd=REPOSITORY,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._copy_lines, args=[self._process], daemon=True).start()

    def _copy_lines(self, process: "subprocess.Popen[bytes]") -> None:
        for line in process.stdout or ():
            self._write(self.name, line)

    def exit_code(self) -> int | None:
        """Return the exit code, or None while it runs or before it started."""
        return self._process.poll() if self._process else None

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process itself; it ends its own children."""
        if self.is_alive():
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the process and all its children with SIGKILL, as a crash would."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Stack:
    """The servers and every process over them.

    `env` overrides the development settings; with `log_dir` each process writes
    `<name>.log` there instead of the terminal.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        port: int = 8000,
        sandbox_port: int = 8001,
        env: Mapping[str, str] | None = None,
        log_dir: Path | None = None,
    ) -> None:
        self.port = port
        self.sandbox_port = sandbox_port
        self.servers = Servers(data_dir)
        self._log_dir = log_dir
        development = development_env(port=port, sandbox_port=sandbox_port)
        chosen = {name: value for name, value in os.environ.items() if value}
        self._settings = development | chosen | {"PYTHONUNBUFFERED": "1"} | dict(env or {})
        self._leaving = contextlib.ExitStack()
        self._lines = _Lines(log_dir)
        self._processes = {
            name: ManagedProcess(name, command, self._lines.write)
            for name, command in commands(port=port, sandbox_port=sandbox_port).items()
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def web_url(self) -> str:
        """Where the web process listens."""
        return f"http://localhost:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """Where the sandbox listens."""
        return f"http://localhost:{self.sandbox_port}"

    @property
    def env(self) -> dict[str, str]:
        """The environment of every process, with the servers' addresses."""
        return self._settings | self.servers.env()

    def process(self, name: str) -> ManagedProcess:
        """Return one of the processes: web, worker, beat or sandbox."""
        return self._processes[name]

    def require_free_ports(self) -> None:
        """Raise StackError when a port is taken or not ours to listen on."""
        for port, variable in ((self.port, "PORT"), (self.sandbox_port, "SANDBOX_PORT")):
            if not may_listen(port):
                raise StackError(
                    f"Only root may listen on port {port}: choose one from 1024 with {variable}=."
                )
            if not is_port_free(port):
                raise StackError(
                    f"Port {port} is taken: stop what uses it, or choose another with {variable}=."
                )

    def prepare(self) -> None:
        """Check the ports, start the servers and bring the schema up to date."""
        self.require_free_ports()
        try:
            self._leaving.enter_context(self.servers.joined())
        except EmbeddedError as error:
            raise StackError(str(error)) from error
        self.manage("migrate", "-v0")

    def start(self) -> None:
        """Prepare, start every process, and return once web and sandbox answer."""
        try:
            self.prepare()
            self.start_processes()
        except BaseException:
            self.stop()
            raise

    def start_processes(self) -> None:
        """Start every process and return once web and sandbox answer."""
        for name in self._processes:
            self.restart(name)
        ready = wait_until(self._is_ready_or_broken, seconds=READY_SECONDS, every=0.1)
        self._require_all_alive()
        if not ready:
            raise StackError(f"The web process did not answer within {READY_SECONDS:.0f} s.")

    def restart(self, name: str) -> None:
        """Start one process, again after a kill."""
        pool = {"DATABASE_POOL_SIZE": str(WEB_CONNECTIONS)} if name == WEB else {}
        self._processes[name].start(pool | self.env)

    def stop(self) -> None:
        """Stop every process, then the servers unless others use them."""
        for process in self._processes.values():
            process.ask_to_stop()
        wait_until(lambda: not self._living(), seconds=STOP_SECONDS)
        for process in self._processes.values():
            process.kill()
        self._lines.close()
        self._leaving.close()

    def wait(self) -> None:
        """Block until a process ends by itself; raise StackError naming it."""
        while True:
            self._require_all_alive()
            time.sleep(0.5)

    def manage(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """Run a `manage.py` command with the stack's environment; raise StackError if it fails."""
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=self.env | dict(env or {}),
            check=False,
        )
        if done.returncode:
            raise StackError(f"manage.py {arguments[0]} failed with code {done.returncode}.")

    def _living(self) -> list[ManagedProcess]:
        return [process for process in self._processes.values() if process.is_alive()]

    def _require_all_alive(self) -> None:
        for process in self._processes.values():
            if not process.is_alive():
                raise StackError(f"{process.name} ended with code {process.exit_code()}.")

    def _is_ready_or_broken(self) -> bool:
        if len(self._living()) < len(self._processes):
            return True
        return self._web_answers() and not is_port_free(self.sandbox_port)

    def _web_answers(self) -> bool:
        try:
            url = f"http://{LOOPBACK}:{self.port}/health/live"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class _Lines:
    """Lines of several processes, written one at a time."""

    def __init__(self, log_dir: Path | None) -> None:
        self._log_dir = log_dir
        self._printer = Printer(sys.stdout, width=max(map(len, NAMES)))
        self._colours = dict(zip(NAMES, get_colours(), strict=False))
        self._queue: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def write(self, name: str, line: bytes) -> None:
        """Hand over a line; it is written by one thread, in order."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._queue.put((name, line))

    def close(self) -> None:
        """Write what is left."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(timeout=5)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            with contextlib.suppress(BrokenPipeError):
                self._put(*item)

    def _put(self, name: str, line: bytes) -> None:
        if self._log_dir is not None:
            self._log_dir.mkdir(parents=True, exist_ok=True)
            with (self._log_dir / f"{name}.log").open("ab") as log:
                log.write(line)
            return
        now = datetime.now().astimezone()
        self._printer.write(Message("line", line, now, name, self._colours.get(name)))


def leave_on_sigterm() -> None:
    """Make SIGTERM and a closed terminal end the program like Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)


def ignore_signals() -> None:
    """Let nothing interrupt the stopping."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
