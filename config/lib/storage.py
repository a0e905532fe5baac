"""Where files are kept: a Django storage behind a `file://` or `s3://` address."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage

from config.env import BASE_DIR

# Parts of a large upload to S3 are held in memory up to this size, then on disk.
_MEMORY_BYTES = 8 * 1024 * 1024


@lru_cache(maxsize=8)
def storage_for(url: str) -> Storage:
    """Return the storage at `file://path` (relative to the project) or `s3://bucket/prefix`.

    Nothing in it is public: files are read and handed out by the application only.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.netloc + parts.path))
        root = path if path.is_absolute() else BASE_DIR / path
        return FileSystemStorage(
            location=root, file_permissions_mode=0o600, directory_permissions_mode=0o700
        )
    if parts.scheme == "s3" and parts.netloc:
        return _s3(bucket=parts.netloc, prefix=parts.path.strip("/"))
    raise ImproperlyConfigured("A storage address is file://path or s3://bucket/prefix.")


def media() -> Storage:
    """Return the storage of message media, imports and other files of the application."""
    return storage_for(settings.MEDIA_STORAGE_URL)


def _s3(*, bucket: str, prefix: str) -> Storage:
    from storages.backends.s3 import S3Storage  # boto3 takes a while to load

    storage: Storage = S3Storage(
        bucket_name=bucket,
        location=prefix,
        endpoint_url=getattr(settings, "AWS_S3_ENDPOINT_URL", None) or None,
        region_name=getattr(settings, "AWS_S3_REGION_NAME", None) or None,
        default_acl=None,
        file_overwrite=False,
        max_memory_size=_MEMORY_BYTES,
    )
    return storage
