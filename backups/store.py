"""Where archives are kept: a directory, or a bucket of S3 or anything that speaks like it.

What is stored appears under its name only when it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from backups.errors import BackupFailed
from backups.seal import Sink
from config.env import BASE_DIR

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PART_BYTES: Final = 16 * 1024 * 1024
# S3 takes 10,000 parts: they grow, so that 1.4 TB fit.
_PARTS_BEFORE_GROWTH: Final = 1000
_READ_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """An archive as its store lists it."""

    name: str
    size: int


class Store(Protocol):
    """A place for archives."""

    def create(self, name: str) -> Any:
        """Return a context manager that gives a sink; nothing is stored if it fails."""

    def read(self, name: str) -> Iterator[bytes]:
        """Yield an archive; raises `BackupFailed` when it is not there."""

    def list(self) -> list[Stored]:
        """Return what is stored, by name."""

    def delete(self, name: str) -> None:
        """Remove an archive; one that is not there is no error."""


def at(url: str) -> Store:
    """Return the store at `file://path` (relative to the project) or `s3://bucket/prefix`."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.netloc + parts.path))
        return FileStore(path if path.is_absolute() else BASE_DIR / path)
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(parts.netloc, parts.path.strip("/"))
    raise ImproperlyConfigured("BACKUP_STORAGE_URL is file://path or s3://bucket/prefix.")


def fetch(store: Store, name: str, to: IO[bytes]) -> None:
    """Copy an archive into a file, from its start."""
    for piece in store.read(name):
        to.write(piece)
    to.flush()
    to.seek(0)


class FileStore:
    """Archives in a directory only we may read."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def create(self, name: str) -> Iterator[Sink]:
        """Write beside the name, then rename: on disk for good when the block ends."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self.root / f".{name}.partial"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self.root / name)
            self._sync_directory()
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the file."""
        try:
            with open(self.root / name, "rb") as file:
                while piece := file.read(_READ_BYTES):
                    yield piece
        except FileNotFoundError as error:
            raise _missing(name) from error

    def list(self) -> list[Stored]:
        """Return the finished files."""
        if not self.root.is_dir():
            return []
        files = (file for file in self.root.iterdir() if not file.name.startswith("."))
        return sorted((Stored(file.name, file.stat().st_size) for file in files), key=_by_name)

    def delete(self, name: str) -> None:
        """Remove the file."""
        (self.root / name).unlink(missing_ok=True)

    def _sync_directory(self) -> None:
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class S3Store:
    """Archives in a bucket, below a prefix."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket, self.prefix = bucket, prefix
        self._client = _client()

    @contextmanager
    def create(self, name: str) -> Iterator[Sink]:
        """Upload in parts, completed when the block ends and abandoned when it fails."""
        upload = _Upload(self._client, self.bucket, self._key(name))
        with _named(name):
            try:
                yield upload
                upload.complete()
            except BaseException:
                upload.abandon()
                raise

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the object."""
        with _named(name):
            found = self._client.get_object(Bucket=self.bucket, Key=self._key(name))
            yield from found["Body"].iter_chunks(_READ_BYTES)

    def list(self) -> list[Stored]:
        """Return the objects below the prefix."""
        with _named(self.prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._key("")
            )
            found = [one for page in pages for one in page.get("Contents", [])]
        start = len(self._key(""))
        return sorted((Stored(one["Key"][start:], one["Size"]) for one in found), key=_by_name)

    def delete(self, name: str) -> None:
        """Remove the object."""
        with _named(name):
            self._client.delete_object(Bucket=self.bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name


class _Upload:
    """A multipart upload; holds one part in memory."""

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client, self._bucket, self._name = client, bucket, key
        self._buffer, self._parts = bytearray(), list[Any]()
        self._id = ""

    def write(self, data: bytes) -> int:
        """Take bytes; sends a part when there is enough for one."""
        self._buffer += data
        size = _PART_BYTES * (1 + len(self._parts) // _PARTS_BEFORE_GROWTH)
        while len(self._buffer) >= size:
            self._send(bytes(self._buffer[:size]))
            del self._buffer[:size]
        return len(data)

    def complete(self) -> None:
        """Send the rest; the object exists from now on."""
        self._send(bytes(self._buffer))
        self._client.complete_multipart_upload(
            Bucket=self._bucket,
            Key=self._name,
            UploadId=self._id,
            MultipartUpload={"Parts": self._parts},
        )

    def abandon(self) -> None:
        """Let the store forget what was sent."""
        if self._id:
            with suppress(Exception):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._name, UploadId=self._id
                )

    def _send(self, part: bytes) -> None:
        if not self._id:
            begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._name)
            self._id = begun["UploadId"]
        number = len(self._parts) + 1
        sent = self._client.upload_part(
            Bucket=self._bucket,
            Key=self._name,
            UploadId=self._id,
            PartNumber=number,
            Body=part,
        )
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Turn what boto3 raises into our failure; it never tells credentials."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in {"NoSuchKey", "404"}:
            raise _missing(name) from error
        raise BackupFailed(f"The store refused {name or 'the list'}: {code}.") from error
    except BotoCoreError as error:
        raise BackupFailed(f"The store cannot be used: {error}") from error


def _missing(name: str) -> BackupFailed:
    return BackupFailed(f"{name} is not in the store.", code="not_in_store")


def _by_name(one: Stored) -> str:
    return one.name


def _client() -> S3Client:
    import boto3  # takes a while to load
    from botocore.config import Config

    endpoint = settings.AWS_S3_ENDPOINT_URL or None
    style: dict[str, Any] = {"s3": {"addressing_style": "path"}} if endpoint else {}
    # A session of our own: the shared one would keep the first credentials it saw.
    client: S3Client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=settings.AWS_S3_REGION_NAME or None,
        config=Config(
            connect_timeout=10,
            read_timeout=60,
            retries={"max_attempts": 5, "mode": "standard"},
            # Stores other than Amazon's know no trailing checksums; ours is inside the archive.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            **style,
        ),
    )
    return client
