"""Is an archive worth its space: open it, restore it, compare. Findings a person understands."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Final

from django.db.migrations.loader import MigrationLoader

from backups import dump, manifest, postgres, restore
from backups.errors import BackupFailed, Unopened
from backups.manifest import Contents
from backups.seal import Archive, Key

_READ_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a backup: a code for programs, a sentence for people."""

    code: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """Return the finding as it is stored."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the history says about an archive."""

    size: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, and what the archive says of itself if it could be opened."""

    findings: list[Finding] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Tell whether the backup can be relied on."""
        return not self.findings


def check(file: IO[bytes], *, key: Key, expected: Expected) -> Report:
    """Check an archive from its hash to every row; the scratch database is dropped in the end."""
    findings = _compare_file(file, expected)
    try:
        archive = Archive(file, key)
        problems = archive.problems()
    except Unopened as error:
        problems = [error]
    if problems:
        return Report([*findings, *map(_finding, problems)])
    try:
        told, found = _restored(archive)
    except BackupFailed as error:
        return Report([*findings, Finding("not_restored", error.detail)])
    return Report([*findings, *compare(manifest.of_json(told), found), *unknown(told)], told)


def compare(told: Contents, found: Contents) -> list[Finding]:
    """Return where a restored database differs from what the manifest says it held."""
    findings = []
    for name in sorted(told.tables.keys() | found.tables.keys()):
        before, after = told.tables.get(name), found.tables.get(name)
        if before is None:
            findings.append(Finding("extra_table", f"Table {name} was not there before."))
        elif after is None:
            findings.append(Finding("missing_table", f"Table {name} is missing."))
        elif before["rows"] != after["rows"]:
            detail = f"Table {name} had {before['rows']:,} rows and has {after['rows']:,}."
            findings.append(Finding("row_count", detail))
        elif before["checksum"] != after["checksum"]:
            detail = f"Rows of table {name} differ, though their number is the same."
            findings.append(Finding("row_contents", detail))
    if told.migrations != found.migrations:
        apps = sorted(
            app
            for app in told.migrations.keys() | found.migrations.keys()
            if told.migrations.get(app) != found.migrations.get(app)
        )
        findings.append(Finding("migrations", f"Migrations differ in {', '.join(apps)}."))
    return findings


def unknown(told: dict[str, Any]) -> list[Finding]:
    """Return the migrations of the archive that this version of the program does not have.

    An older archive is fine: it is migrated after a restore.
    """
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    known = set(loader.disk_migrations) | {
        key for node in loader.disk_migrations.values() for key in node.replaces
    }
    ours = {app for app, _ in known}
    newer = [
        f"{app}.{name}"
        for app, names in sorted(manifest.of_json(told).migrations.items())
        for name in names
        if app in ours and (app, name) not in known
    ]
    if not newer:
        return []
    detail = f"The archive was made by a newer version: it has {', '.join(newer[:5])}."
    return [Finding("newer_version", detail)]


def _compare_file(file: IO[bytes], expected: Expected) -> list[Finding]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(_READ_BYTES):
        digest.update(piece)
        size += len(piece)
    if expected.size is not None and size != expected.size:
        detail = f"The archive has {size:,} bytes; {expected.size:,} were written."
        return [Finding("size", detail)]
    if expected.sha256 and digest.hexdigest() != expected.sha256:
        return [Finding("hash", "The archive's SHA-256 is not that of what was written.")]
    return []


def _restored(archive: Archive) -> tuple[dict[str, Any], Contents]:
    told, plain = dump.split(archive.plain())
    with restore.scratch_database() as name:
        restore.load(plain, database=name)
        with postgres.connect(name) as connection:
            return told, manifest.read(connection)


def _finding(error: Unopened) -> Finding:
    return Finding(error.code, error.detail)
