"""`python -m config.dev.embedded start|stop|status|destroy|run -- COMMAND...`"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from types import FrameType

from config.dev.embedded.host import EmbeddedError
from config.dev.embedded.servers import Servers


def main() -> int:
    """Parse the command line, do it, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m config.dev.embedded", description="PostgreSQL and Valkey for development."
    )
    commands = parser.add_subparsers(dest="action", required=True)
    commands.add_parser("start", help="start both; they stay until stop")
    commands.add_parser("stop", help="stop both")
    commands.add_parser("status", help="say whether they run; exit 1 if not")
    commands.add_parser("destroy", help="stop both and delete all their data")
    run = commands.add_parser("run", help="run a command with the servers up")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    arguments = parser.parse_args()
    try:
        return _do(arguments.action, getattr(arguments, "command", []), parser)
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _do(action: str, command: list[str], parser: argparse.ArgumentParser) -> int:
    servers = Servers()
    if action == "start":
        servers.start()
        print(f"Running; addresses are in {servers.data_dir / 'servers.env'}.")
    elif action == "stop":
        servers.stop()
    elif action == "destroy":
        servers.destroy()
    elif action == "status":
        alive = servers.are_alive()
        print("Running." if alive else "Not running.")
        return 0 if alive else 1
    else:
        command = command[1:] if command[:1] == ["--"] else command
        if not command:
            parser.error("run needs a command: run -- COMMAND...")
        return _run(servers, command)
    return 0


def _run(servers: Servers, command: list[str]) -> int:
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    with servers.joined() as env:
        try:
            process = subprocess.Popen(command, env=os.environ | env)  # noqa: S603  # the caller's own command
        except OSError as error:
            raise EmbeddedError(f"Cannot run {command[0]}: {error.strerror}.") from error
        _forward_signals(process)
        code = process.wait()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return code if code >= 0 else 128 - code


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _forward_signals(process: "subprocess.Popen[bytes]") -> None:
    def forward(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGHUP, forward)
    # A terminal sends Ctrl-C to the whole group: the command has it already.
    signal.signal(signal.SIGINT, signal.SIG_IGN if sys.stdin.isatty() else forward)


if __name__ == "__main__":
    raise SystemExit(main())
