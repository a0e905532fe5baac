"""Both servers together: given by the environment, or started here and shared by all who join."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from config.dev.embedded.host import (
    REPOSITORY,
    EmbeddedError,
    data_dir_from_environment,
    write_private,
)
from config.dev.embedded.postgres import Postgres
from config.dev.embedded.valkey import Valkey


class Servers:
    """PostgreSQL and Valkey of one data directory; one whose address is given is left alone.

    Files beside the data: `servers.env` (addresses, while they run), `servers.lock`
    (held while starting or stopping), `servers.users` (held, shared, by everyone who
    joined), `servers.keep` (asked to stay when the last one leaves).
    """

    def __init__(self, data_dir: Path | None = None) -> None:
        self.data_dir = data_dir or data_dir_from_environment()
        self.given = given_addresses()
        self.postgres = Postgres(self.data_dir)
        self.valkey = Valkey(self.data_dir)

    @property
    def ours(self) -> list[Postgres | Valkey]:
        """The servers that are ours to run."""
        mine: list[Postgres | Valkey] = []
        if "DATABASE_URL" not in self.given:
            mine.append(self.postgres)
        if "REDIS_URL" not in self.given:
            mine.append(self.valkey)
        return mine

    def are_alive(self) -> bool:
        """Tell whether every server that is ours answers."""
        return all(server.is_alive() for server in self.ours)

    def env(self) -> dict[str, str]:
        """Return the environment of a program that uses the servers."""
        merged = dict(self.given)
        for server in self.ours:
            merged |= server.env()
        return merged | {"SWITCHBOARD_DATA_DIR": str(self.data_dir)}

    def start(self) -> None:
        """Start what does not run; it stays until `stop`."""
        with self._lock():
            self._start()
            (self.data_dir / "servers.keep").touch()

    def stop(self) -> None:
        """Stop what is ours, whoever uses it."""
        with self._lock():
            self._stop(self.ours)

    def destroy(self) -> None:
        """Stop both and delete all they hold."""
        if not (self.data_dir / "servers").exists():
            return
        with self._lock():
            self._stop([self.valkey, self.postgres])
            shutil.rmtree(self.postgres.host.home)
            for left in self.data_dir.glob("servers*"):
                if left.is_symlink() or left.is_file():
                    left.unlink()

    @contextlib.contextmanager
    def joined(self) -> Iterator[dict[str, str]]:
        """Use the servers, started if need be; the last one to leave stops them."""
        with contextlib.ExitStack() as leaving:
            with self._lock():
                if not any(server.is_alive() for server in self.ours):
                    (self.data_dir / "servers.keep").unlink(missing_ok=True)
                users = leaving.enter_context(open(self.data_dir / "servers.users", "w"))
                fcntl.flock(users, fcntl.LOCK_SH)
                leaving.callback(self._leave, users.fileno())
                self._start()
            yield self.env()

    def _leave(self, users: int) -> None:
        with self._lock():
            fcntl.flock(users, fcntl.LOCK_UN)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if not (self.data_dir / "servers.keep").exists():
                self._stop(self.ours)

    def _start(self) -> None:
        for server in self.ours:
            server.start()
        lines = [
            f"{name}={value}\n" for server in self.ours for name, value in server.env().items()
        ]
        write_private(self.data_dir / "servers.env", "".join(lines))

    def _stop(self, servers: Sequence[Postgres | Valkey]) -> None:
        (self.data_dir / "servers.env").unlink(missing_ok=True)
        (self.data_dir / "servers.keep").unlink(missing_ok=True)
        for server in servers:
            server.stop()

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with contextlib.ExitStack() as unlocking:
            try:
                self.data_dir.mkdir(parents=True, exist_ok=True)
                file = unlocking.enter_context(open(self.data_dir / "servers.lock", "w"))
            except OSError as error:
                raise EmbeddedError(
                    f"Cannot write to {self.data_dir}: {error.strerror}."
                ) from error
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def given_addresses() -> dict[str, str]:
    """Return the servers' addresses that the environment or `.env` names."""
    names = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
    values = _dotenv() | os.environ
    return {name: values[name] for name in names if values.get(name)}


def _dotenv() -> dict[str, str]:
    try:
        lines = (REPOSITORY / ".env").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.removeprefix("export ").partition("=") for line in lines)
    return {
        name.strip(): value.strip().strip("'\"")
        for name, _, value in pairs
        if not name.lstrip().startswith("#")
    }
