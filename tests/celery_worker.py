"""A real Celery worker process over the test database."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection

from config.lib.jobs import QUEUES
from tests.database import ROOT, url_for

PRIORITY_SEPARATOR = "\x06\x16"


class Worker:
    """A worker of all queues; started when first needed, and again after a kill."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.log = Path(tempfile.mkdtemp(prefix="switchboard-worker-")) / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)

    @property
    def pid(self) -> int:
        """The process id of the running worker."""
        assert self._process is not None, "the worker is not running"
        return self._process.pid

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, **env: str) -> None:
        """Start the process unless it runs; `env` changes its environment from now on."""
        if env:
            self.stop()
            self.env |= env
        if self.is_alive():
            return
        command = [sys.executable, "-m", "celery", "-A", "config", "worker"]
        command += ["--queues", ",".join(QUEUES), "--concurrency", "1", "--loglevel", "INFO"]
        command += ["--without-gossip", "--without-mingle"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environment(), cwd=ROOT, stdout=log, stderr=log
            )

    def _environment(self) -> dict[str, str]:
        name = str(connection.settings_dict["NAME"])
        addresses = {
            "DATABASE_URL": url_for(os.environ["DATABASE_URL"], name),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "REDIS_KEY_PREFIX": settings.REDIS_KEY_PREFIX,
            "META_GRAPH_URL": settings.META_GRAPH_URL,
        }
        return os.environ | addresses | self.env

    def stop(self) -> None:
        """End the process, letting it finish its task."""
        self._end("terminate")

    def kill(self) -> None:
        """End the process and its pool with SIGKILL, as a crash would."""
        if self._process is None:
            return
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        self._end("kill")
        for child in children:
            subprocess.run(["kill", "-KILL", child], check=False, capture_output=True)

    def _end(self, how: str) -> None:
        if self._process is None:
            return
        getattr(self._process, how)()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def drain(self, *, seconds: float = 60) -> None:
        """Run until no job waits or runs."""
        self.start()
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < 3:
            quiet = quiet + 1 if self._pending() == 0 else 0
            assert self.is_alive(), f"the worker ended:\n{self._log_tail()}"
            assert time.monotonic() < deadline, f"jobs are left:\n{self._log_tail()}"
            time.sleep(0.02)

    def _pending(self) -> int:
        """Count the jobs in every queue and the ones taken but not finished."""
        prefix = f"{settings.REDIS_KEY_PREFIX}:"
        pending = int(self._broker.hlen(f"{prefix}unacked"))
        for queue in QUEUES:
            for step in ("", *(f"{PRIORITY_SEPARATOR}{level}" for level in (3, 6, 9))):
                pending += int(self._broker.llen(f"{prefix}{queue}{step}"))
        return pending

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]
