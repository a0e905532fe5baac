"""A place for archives, and an S3 server on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

ACCESS, SECRET, BUCKET = "backup-tester", "backup-secret", "archives"


@pytest.fixture
def archives(settings: Settings, tmp_path: Path) -> Path:
    """Return the directory that backups go to."""
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/archives"
    return tmp_path / "archives"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server that speaks S3 and checks signatures."""
    root = tmp_path_factory.mktemp("s3")
    (root / BUCKET).mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "rclone"), "serve", "s3", str(root)]
    options = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{ACCESS},{SECRET}"]
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "RCLONE_CONFIG": str(root / "none.conf")},
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def s3(s3_server: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a bucket, set as where backups go."""
    settings.AWS_S3_ENDPOINT_URL = s3_server
    settings.AWS_S3_REGION_NAME = "us-east-1"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    settings.BACKUP_STORAGE_URL = f"s3://{BUCKET}/{uuid4().hex}"
    return str(settings.BACKUP_STORAGE_URL)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the S3 server did not start")
