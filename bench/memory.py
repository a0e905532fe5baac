"""Memory of every process while many are imported, written to and answered for, beside few.

The whole stack runs, on servers of its own: a file goes in over the API, a campaign is launched to
its list, everything is sent to the sandbox and every status comes back. A process whose peak grew
with the audience would hold it in memory.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bench import imports, place
from config.dev.demo import TEMPLATE, VARIABLES, Api
from config.dev.embedded.host import children_of
from config.dev.processes import BEAT, PUMP, WEB, WORKER, Stack

SIZES: Final = (1_000, 10_000, 100_000)
PATIENCE_SECONDS: Final = 3600.0
LOOK_SECONDS: Final = 0.5
# What the goal is about; the other processes are reported.
HELD: Final = (WORKER, PUMP)
SIGN_IN_SECONDS: Final = 300.0
# Where the sandbox's rule ends a message.
ENDS: Final = frozenset({"delivered", "read", "failed"})
_NUMBER: Final = re.compile(r"^(VmHWM|RssAnon):\s+(\d+)", re.MULTILINE)

Peaks = dict[str, int]


def measure(*, quick: bool) -> dict[str, Any]:
    """Return how a worker's peak grew with the audience, the worst of them, and all the peaks."""
    plays = [play(size) for size in (SIZES[:2] if quick else SIZES)]
    few, many = plays[0], plays[-1]
    growth = {name: _growth(name, few, many) for name in many["peak_mib"]}
    worst = max(HELD, key=lambda name: growth[name])
    return {
        "rate": growth[worst],
        "growth": growth,
        "plays": plays,
        "detail": f"{worst}; {many['people']} people: import {many['import_seconds']:.0f} s, "
        f"launch {many['launch_seconds']:.0f} s, until the last status {many['end_seconds']:.0f} s",
    }


def _growth(name: str, few: dict[str, Any], many: dict[str, Any]) -> float:
    least: int = max(1, few["peak_mib"][name])
    most: int = many["peak_mib"][name]
    return round(most / least, 3)


def play(people: int) -> dict[str, Any]:
    """Import that many, write to all of them, wait for every status; return peaks and times."""
    with tempfile.TemporaryDirectory() as home, _running(Path(home)) as stack:
        file = Path(home) / "people.csv"
        with file.open("w") as out:
            imports.write_file(out, people)
        with Watch(stack) as watch:
            found = _main_job(stack, file, people)
        return {"people": people, **found, "peak_mib": watch.peaks()}


@contextmanager
def _running(home: Path) -> Iterator[Stack]:
    """Run everything on servers of its own, as `make run` does."""
    ports = {"port": place.free_port(), "sandbox_port": place.free_port()}
    settings = {"DEBUG": "1", "LOG_LEVEL": "WARNING"}
    stack = Stack(home / "data", **ports, env=settings, log_dir=home / "logs")
    stack.servers.given.clear()
    try:
        stack.start()
        stack.manage("demo_business")
        place.run(["-m", "bench.unlimited"], stack.env)
        yield stack
    finally:
        stack.stop()
        stack.servers.destroy()


def _main_job(stack: Stack, file: Path, people: int) -> dict[str, Any]:
    api = Owner(stack.web_url)
    began = time.monotonic()
    held = api.upload("/api/contacts/import", file, {"list_name": "Everybody"})
    _follow(api, f"/api/contacts/import/{held['id']}", until="ready")
    api.post(f"/api/contacts/import/{held['id']}/commit")
    held = _follow(api, f"/api/contacts/import/{held['id']}", until="done")
    imported = time.monotonic()
    plan = {"name": "To all", "template": TEMPLATE, "variables": VARIABLES}
    campaign = api.post("/api/whatsapp/bulk-send", plan | {"audience": {"list": held["list"]}})
    path = f"/api/whatsapp/bulk-send/{campaign['id']}"
    _follow(api, path, until="running", over={"launching"})
    launched = time.monotonic()
    sent = _follow(api, path, until="completed", over={"launching", "running"})
    left = time.monotonic()
    counts = _until_all_ended(api, path)
    if held["created_count"] != people or sum(counts.values()) != people:
        raise place.BenchError(f"{held['created_count']} imported, {counts}: not {people} each.")
    return {
        "counts": counts,
        "skipped": sent["skipped"],
        "import_seconds": round(imported - began, 1),
        "launch_seconds": round(launched - imported, 1),
        "sent_seconds": round(left - imported, 1),
        "end_seconds": round(time.monotonic() - imported, 1),
    }


def _follow(api: Owner, path: str, *, until: str, over: set[str] | None = None) -> Any:
    """Look until the thing at this address has reached a state, or passed it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = api.get(path)
        if found["status"] == until or (over and found["status"] not in over):
            return found
        if found["status"] in {"failed", "paused", "cancelled"}:
            raise place.BenchError(f"{path} is {found['status']}.")
        api.stay_signed_in()
        time.sleep(LOOK_SECONDS)
    raise place.BenchError(f"{path} did not become {until}.")


def _until_all_ended(api: Owner, path: str) -> dict[str, int]:
    """Return the counts once Meta has told the end of every message."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        counts = {name: count for name, count in api.get(path)["counts"].items() if count}
        if not set(counts) - ENDS:
            return counts
        api.stay_signed_in()
        time.sleep(LOOK_SECONDS)
    raise place.BenchError(f"The statuses did not come: {counts}.")


class Owner(Api):
    """The demo business's owner, signed in for as long as it takes."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self._signed_in_at = 0.0
        self.stay_signed_in()

    def stay_signed_in(self) -> None:
        """Get a new token long before the last one ends."""
        if not self._signed_in_at or time.monotonic() > self._signed_in_at + SIGN_IN_SECONDS:
            self.sign_in()
            self._signed_in_at = time.monotonic()


class Watch:
    """Remember the largest each kind of process ever was, those that ended included."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._peaks: dict[str, int] = defaultdict(int)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def peaks(self) -> Peaks:
        """Return the peaks in MiB."""
        return {name: kib // 1024 for name, kib in sorted(self._peaks.items())}

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            for name in (WEB, WORKER, PUMP, BEAT):
                for pid in _family(self._stack.process(name).pid):
                    self._note(name, _sizes(pid).get("VmHWM", 0))
            servers = self._stack.servers
            self._note("valkey", _sizes(servers.valkey.find_pid() or 0).get("VmHWM", 0))
            postgres = servers.postgres.find_pid()
            for pid in children_of(postgres) if postgres else ():
                # What it maps of the shared buffers is PostgreSQL's to set, and the same for all.
                self._note("postgres backend", _sizes(pid).get("RssAnon", 0))

    def _note(self, name: str, kib: int) -> None:
        self._peaks[name] = max(self._peaks[name], kib)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in children_of(pid):
        yield from _family(child)


def _sizes(pid: int) -> Peaks:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    return {name: int(kib) for name, kib in _NUMBER.findall(text)}
