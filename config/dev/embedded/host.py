"""Where the servers run: an unprivileged user, a home it can reach, ports, processes, secrets."""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
LOG_LIMIT_BYTES = 5_000_000
REPOSITORY = Path(__file__).resolve().parents[3]

# Below the range Linux gives to outgoing connections, so that a restart finds its port free.
PORTS = range(20_000, 32_000)


class EmbeddedError(Exception):
    """A server cannot run here; the message is one line for a person."""


def data_dir_from_environment() -> Path:
    """Return `SWITCHBOARD_DATA_DIR`, or `.data` in the checkout."""
    return Path(os.environ.get("SWITCHBOARD_DATA_DIR") or REPOSITORY / ".data").resolve()


def is_port_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def may_listen(port: int) -> bool:
    """Tell whether this user is allowed to listen on the port, taken or not."""
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            return False
        except OSError:
            return True
    return True


def wait_for_port(port: int) -> None:
    """Wait until a port is free again: the kernel closes it a moment after its server is gone.

    A server started in that moment would have to move to another.
    """
    wait_until(lambda: is_port_free(port), seconds=5, every=0.01)


def choose_port(preferred: int | None) -> int:
    """Return the preferred port if it is free, else a random free one."""
    if preferred is not None and is_port_free(preferred):
        return preferred
    for _ in range(200):
        port = secrets.choice(PORTS)
        if is_port_free(port):
            return port
    raise EmbeddedError(f"No free port between {PORTS.start} and {PORTS.stop} on {LOOPBACK}.")


def runs_in(pid: int, directory: Path) -> bool:
    """Tell whether this process is alive and works in this directory.

    A pid alone proves nothing: it may be a zombie, or another program by now.
    """
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    if not Path("/proc/self").exists():
        return _is_signallable(pid)
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == directory.resolve()
    except OSError:
        return False


def _is_signallable(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def children_of(pid: int) -> list[int]:
    """List the direct children of a process (Linux; elsewhere none are found)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def send_signal(pid: int, number: signal.Signals) -> None:
    """Signal a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Wait for a condition; return whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


class Host:
    """One data directory and the user its servers run as.

    As root the servers run as `nobody`: their home moves to /var/lib, behind a
    link, and their programs are copied there, when that user cannot reach them.
    """

    def __init__(self, data_dir: Path | None = None) -> None:
        self.data_dir = data_dir or data_dir_from_environment()

    @cached_property
    def user(self) -> pwd.struct_passwd | None:
        """The account to drop to, or None when we are not root."""
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam("nobody")
        except KeyError:
            raise EmbeddedError(
                "Running as root needs a user named nobody to run the servers as."
            ) from None

    @cached_property
    def home(self) -> Path:
        """The directory that holds the servers' data and logs; made when missing."""
        link = self.data_dir / "servers"
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.unlink(missing_ok=True)
                self._make_home(link)
        except PermissionError as error:
            raise EmbeddedError(f"Cannot write to {self.data_dir}: {error.strerror}.") from error
        home = link.resolve()
        expected = self.user.pw_uid if self.user else os.geteuid()
        if home.stat().st_uid != expected:
            raise EmbeddedError(
                f"{link} belongs to another user: set SWITCHBOARD_DATA_DIR to a directory of yours."
            )
        return home

    def _make_home(self, link: Path) -> None:
        link.mkdir(mode=0o700)
        if self.user is None:
            return
        self.give(link)
        if self._can_reach(link):
            return
        link.rmdir()
        elsewhere = Path(tempfile.mkdtemp(prefix="switchboard-", dir="/var/lib"))
        self.give(elsewhere)
        link.symlink_to(elsewhere)

    def give(self, path: Path) -> None:
        """Make a path belong to the servers' user."""
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _can_reach(self, path: Path) -> bool:
        test = "-x" if path.is_dir() else "-r"
        return self._quiet(["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)]) == 0

    def _quiet(self, command: Sequence[str]) -> int:
        return subprocess.run(  # noqa: S603  # our own programs
            command,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **self._identity(),
        ).returncode

    def _identity(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def reachable(self, directory: Path, probe: Path) -> Path:
        """Return a program's directory, or a copy of it that the servers' user can reach.

        `probe` is a file of the directory, relative to it.
        """
        if self.user is None or self._can_reach(directory / probe):
            return directory
        copy = self.home / "programs" / directory.name
        if not (copy / probe).exists():
            copy.parent.mkdir(mode=0o755, exist_ok=True)
            copy.parent.chmod(0o755)
            partial = copy.with_name(f"{copy.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(directory, partial, symlinks=True)
            partial.chmod(0o755)
            partial.rename(copy)
        return copy

    def check(self, command: Sequence[str], *, what: str) -> None:
        """Run a program as the servers' user to its end; its last line is the error."""
        done = subprocess.run(  # noqa: S603  # our own programs
            command,
            cwd=self.home,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            umask=0o077,
            **self._identity(),
        )
        if done.returncode:
            raise EmbeddedError(f"{what} failed: {_last_line(done.stderr or done.stdout)}")

    def spawn(
        self, command: Sequence[str], *, cwd: Path, log: Path, stdin: bytes = b""
    ) -> "subprocess.Popen[bytes]":
        """Start a server that outlives us, in a session of its own."""
        with open(log, "wb" if _is_large(log) else "ab") as output:
            process = subprocess.Popen(  # noqa: S603  # our own programs
                command,
                cwd=cwd,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                **self._identity(),
            )
        assert process.stdin is not None  # noqa: S101  # for the type checker: we asked for a pipe
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(stdin)
        return process

    def _environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}

    def remembered(self, server: str) -> dict[str, Any]:
        """Return the port and passwords of a server, empty before its first start."""
        return dict(self._memory().get(server, {}))

    def remember(self, server: str, facts: Mapping[str, Any]) -> None:
        """Keep the port and passwords of a server in a file only we can read."""
        memory = self._memory() | {server: dict(facts)}
        write_private(self._memory_file, json.dumps(memory, indent=1))

    @property
    def _memory_file(self) -> Path:
        return self.data_dir / "servers.json"

    def _memory(self) -> dict[str, Any]:
        try:
            memory: dict[str, Any] = json.loads(self._memory_file.read_text())
        except FileNotFoundError:
            return {}
        except (PermissionError, ValueError) as error:
            raise EmbeddedError(f"Cannot read {self._memory_file}: {error}") from error
        return memory


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else may read it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)


def log_tail(log: Path) -> str:
    """Return the last line of a log that says something."""
    try:
        return _last_line(log.read_text(errors="replace")[-4000:])
    except OSError:
        return "no log was written"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "ERROR" in line or "error" in line]
    return (telling or lines or ["it said nothing"])[-1]


def _is_large(log: Path) -> bool:
    return log.exists() and log.stat().st_size > LOG_LIMIT_BYTES
