"""Why a backup could not be made, opened or restored."""

from __future__ import annotations

from config.lib.errors import Conflict, ProjectError


class BackupFailed(ProjectError):
    """A step of a backup or restore did not work; the detail says which and why."""

    code = "backup_failed"


class KeyMissing(BackupFailed):
    """There is no key to seal or open archives with."""

    code = "backup_key_missing"


class BackupRunning(Conflict):
    """One backup at a time."""

    code = "backup_running"


class Unopened(BackupFailed):
    """An archive cannot be opened."""

    code = "unopened"


class NotAnArchive(Unopened):
    """The file is not one of our archives."""

    code = "not_an_archive"


class WrongKey(Unopened):
    """The archive was sealed with another key."""

    code = "wrong_key"


class Truncated(Unopened):
    """The end of the archive is missing."""

    code = "truncated"


class Damaged(Unopened):
    """A block of the archive is not what was written."""

    code = "damaged_block"
