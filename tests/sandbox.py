"""The sandbox as a process of its own, and a client that asks what it accepted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from typing import Any

from tests.database import ROOT

APP_SECRET = "test-app-secret"


class SandboxProcess:
    """A running sandbox on a free port of its own choosing."""

    def __init__(self, *arguments: str, webhook_url: str = "http://127.0.0.1:9/nowhere") -> None:
        command = [sys.executable, "-u", "-m", "config.dev.sandbox", "--port", "0"]
        command += ["--app-secret", APP_SECRET, "--webhook-url", webhook_url, *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.url = self._address()

    def _address(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = re.search(r"http://[0-9.]+:\d+", line)
            if found:
                return found.group()
        raise RuntimeError("the sandbox did not start")

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=10)

    def reset(self) -> None:
        """Forget everything and behave well again."""
        self.call("POST", "/_sandbox/reset")

    def fault(self, **faults: Any) -> None:
        """Make it misbehave."""
        self.call("POST", "/_sandbox/faults", faults)

    def behave(self) -> None:
        """End the faults."""
        self.call("DELETE", "/_sandbox/faults")

    def accepted(self) -> list[dict[str, Any]]:
        """Return every message accepted so far, in order."""
        found: list[dict[str, Any]] = []
        while True:
            since = found[-1]["seq"] if found else 0
            page = self.call("GET", f"/_sandbox/messages?since={since}&limit=5000")
            rows = page["messages"]
            found += rows
            if not rows:
                return found

    def times_accepted(self) -> Counter[str]:
        """Return how often each of our message ids was accepted."""
        return Counter(row["biz_opaque_callback_data"] for row in self.accepted())

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the sandbox and return its JSON answer."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310  # our own process on loopback
            self.url + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        for _ in range(3):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                    raw = answer.read()
                    return json.loads(raw) if raw else None
            except ConnectionError:
                time.sleep(0.1)
        raise RuntimeError("the sandbox does not answer")
