"""Where files are kept: a Django storage behind a `file://` or `s3://` address."""

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage

from config.env import BASE_DIR
from config.lib import outward

# Parts of a large upload to S3 are held in memory up to this size, then on disk.
_MEMORY_BYTES = 8 * 1024 * 1024

if TYPE_CHECKING:
    _Base = Storage
else:
    _Base = object


class OutsideTransactions(_Base):
    """A storage that is written, read and asked while no transaction is open: it may be far away.

    One on this machine's disk holds to the same, so that no test passes that a bucket would fail.
    A deletion carries no bytes and goes with its rows.
    """

    def _open(self, *args: Any, **kwargs: Any) -> Any:
        outward.require_no_transaction("storage.open")
        return super()._open(*args, **kwargs)  # type: ignore[misc]  # the other base's

    def _save(self, *args: Any, **kwargs: Any) -> Any:
        outward.require_no_transaction("storage.save")
        return super()._save(*args, **kwargs)  # type: ignore[misc]  # the other base's

    def exists(self, name: str) -> bool:
        """Ask whether there is such a file."""
        outward.require_no_transaction("storage.exists")
        return super().exists(name)


class Disk(OutsideTransactions, FileSystemStorage):
    """Files on this machine."""


@lru_cache(maxsize=8)
def storage_for(url: str) -> Storage:
    """Return the storage at `file://path` (relative to the project) or `s3://bucket/prefix`.

    Nothing in it is public: files are read and handed out by the application only.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.netloc + parts.path))
        root = path if path.is_absolute() else BASE_DIR / path
        return Disk(location=root, file_permissions_mode=0o600, directory_permissions_mode=0o700)
    if parts.scheme == "s3" and parts.netloc:
        return _s3(bucket=parts.netloc, prefix=parts.path.strip("/"))
    raise ImproperlyConfigured("A storage address is file://path or s3://bucket/prefix.")


def media() -> Storage:
    """Return the storage of message media, imports and other files of the application."""
    return storage_for(settings.MEDIA_STORAGE_URL)


def _s3(*, bucket: str, prefix: str) -> Storage:
    storage: Storage = _bucket_class()(
        bucket_name=bucket,
        location=prefix,
        endpoint_url=getattr(settings, "AWS_S3_ENDPOINT_URL", None) or None,
        region_name=getattr(settings, "AWS_S3_REGION_NAME", None) or None,
        default_acl=None,
        file_overwrite=False,
        max_memory_size=_MEMORY_BYTES,
    )
    return storage


@cache
def _bucket_class() -> Any:
    from storages.backends.s3 import S3Storage  # boto3 takes a while to load

    return type("Bucket", (OutsideTransactions, S3Storage), {})
