"""The stack of processes: what it refuses, what it survives, what it leaves behind."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from config.dev.embedded.host import choose_port, is_port_free, wait_until
from config.dev.processes import NAMES, WORKER, Stack, StackError
from config.env import BASE_DIR
from config.lib.graph import Timeouts
from config.startup import require_sound_settings

ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as environment:
        for name in (*ADDRESSES, "DJANGO_SETTINGS_MODULE"):
            environment.delenv(name, raising=False)
        stack = Stack(
            directory,
            port=choose_port(None),
            sandbox_port=choose_port(None),
            log_dir=directory / "logs",
        )
    with stack:
        yield stack
    stack.servers.destroy()


@pytest.mark.parametrize("variable", ["PORT", "SANDBOX_PORT"])
def test_a_taken_port_is_one_line_before_anything_starts(variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        ports = ["--port", str(choose_port(None)), "--sandbox-port", taken]
        if variable == "PORT":
            ports = ["--port", taken]

        done = subprocess.run(
            [sys.executable, "manage.py", "serve", *ports],
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip() == (
        f"CommandError: Port {taken} is taken: stop what uses it, or choose another with "
        f"{variable}=."
    )


def test_a_port_only_root_may_use_is_not_called_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_socket: socket.socket, _address: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(StackError, match=r"Only root may listen on port 80: .* with PORT=\."):
        Stack(tmp_path, port=80).require_free_ports()


def test_every_process_runs_and_a_killed_one_is_named_and_comes_back(stack: Stack) -> None:
    assert all(stack.process(name).is_alive() for name in NAMES)

    stack.process(WORKER).kill()
    with pytest.raises(StackError, match="worker ended with code -9"):
        stack.wait()
    stack.restart(WORKER)

    assert stack.process(WORKER).is_alive()


def test_stopping_leaves_no_process_and_no_port_behind(stack: Stack) -> None:
    stack.stop()

    assert not any(stack.process(name).is_alive() for name in NAMES)
    assert wait_until(lambda: is_port_free(stack.port), seconds=5)
    assert is_port_free(stack.sandbox_port)


def test_production_without_secrets_is_one_line() -> None:
    empty = {
        "PATH": "/usr/bin:/bin",
        "DEBUG": "0",
        "SECRET_KEY": "",
        "DATABASE_URL": "postgres://x/y",
    }

    done = subprocess.run(
        [sys.executable, "-m", "config.startup"],
        cwd=BASE_DIR,
        env=empty,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(
        "Switchboard does not start: (config.E001) SECRET_KEY must be set"
    )
    assert done.stderr.count("\n") == 1


def test_a_lease_that_ends_before_its_request_is_refused(settings: Settings) -> None:
    settings.META_TIMEOUT_SECONDS = settings.SEND_LEASE_SECONDS

    with pytest.raises(ImproperlyConfigured, match="larger than META_TIMEOUT_SECONDS"):
        require_sound_settings()


def test_every_bound_of_a_request_shrinks_with_its_longest_time() -> None:
    assert Timeouts.within(30) == Timeouts()
    assert Timeouts.within(6) == Timeouts(connect=1, read=4, total=6)
