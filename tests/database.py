"""The test database: a template migrated once, a clone of it for every test process."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from config.lib.postgres import databases

ROOT = Path(__file__).resolve().parent.parent
APPS = (
    "accounts",
    "compliance",
    "templates_mgmt",
    "messaging",
    "analytics",
    "reports",
    "backups",
)
TEMPLATE_PREFIX = "switchboard_template_"
OLD_TEMPLATES_KEPT = 2
LOCK = 7_260_113  # any number: the same in every test process

Connection = psycopg.Connection[tuple[Any, ...]]


def url_for(url: str, database: str) -> str:
    """Return the same address with another database's name."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def owner_url() -> str:
    """Return the address of the role that may create databases."""
    return os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]


@contextmanager
def clone(name: str) -> Iterator[None]:
    """Make a database of that name from the current template; drop it at the end."""
    with psycopg.connect(owner_url(), autocommit=True) as connection, _locked(connection):
        template = _ensure_template(connection)
        databases.drop(connection, name)
        _execute(connection, "CREATE DATABASE {} TEMPLATE {}", name, template)
    try:
        yield
    finally:
        with psycopg.connect(owner_url(), autocommit=True) as connection:
            databases.drop(connection, name)


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _ensure_template(connection: Connection) -> str:
    template = f"{TEMPLATE_PREFIX}{_schema_key()}"
    if template in _templates(connection):
        return template
    partial = f"{TEMPLATE_PREFIX}partial"
    databases.drop(connection, partial)
    _execute(connection, "CREATE DATABASE {} TEMPLATE template0", partial)
    _grant(url_for(owner_url(), partial))
    _migrate(url_for(owner_url(), partial))
    _execute(connection, "ALTER DATABASE {} RENAME TO {}", partial, template)
    for old in [one for one in _templates(connection) if one != template][OLD_TEMPLATES_KEPT:]:
        databases.drop(connection, old)
    return template


def _templates(connection: Connection) -> list[str]:
    """List the templates, newest first."""
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE datname ~ %s ORDER BY oid DESC",
        [f"^{TEMPLATE_PREFIX}[0-9a-f]+$"],
    )
    return [name for (name,) in rows]


def _schema_key() -> str:
    """Hash all that decides the schema: our migrations and models, and the pinned libraries."""
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    files = [ROOT / "config" / "lib" / "partitions.py", Path(__file__)]
    files += (ROOT / "config" / "lib" / "postgres").glob("*.py")
    for app in APPS:
        files += (ROOT / app).glob("migrations/**/*.*")
        files += (ROOT / app).glob("**/models.py")
    for file in sorted(set(files)):
        if file.suffix in (".py", ".sql"):
            digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _grant(url: str) -> None:
    """Let the app's role use what migrations make; TRUNCATE so that tests can flush."""
    app = urlsplit(os.environ["DATABASE_URL"]).username or ""
    owner = urlsplit(url).username or ""
    if app == owner:
        return
    with psycopg.connect(url, autocommit=True) as connection:
        for kind, rights in (
            ("TABLES", "SELECT, INSERT, UPDATE, DELETE, TRUNCATE"),
            ("SEQUENCES", "USAGE, SELECT"),
        ):
            statement = f"ALTER DEFAULT PRIVILEGES GRANT {rights} ON {kind} TO {{}}"
            _execute(connection, statement, app)


def _migrate(url: str) -> None:
    """Run the migrations as the owner, after writing those that the models still lack."""
    with tempfile.TemporaryDirectory() as directory:
        package = Path(directory) / "trial_migrations"
        package.mkdir()
        (package / "__init__.py").touch()
        for app in APPS:
            shutil.copytree(
                ROOT / app / "migrations",
                package / app,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        modules = {app: f"trial_migrations.{app}" for app in APPS}
        (Path(directory) / "trial_settings.py").write_text(
            "from config.settings.test import *\n"
            f"MIGRATION_MODULES = {{**MIGRATION_MODULES, **{modules!r}}}\n"
        )
        env = os.environ | {
            "DJANGO_SETTINGS_MODULE": "trial_settings",
            "DATABASE_ROLE": "owner",
            "DATABASE_OWNER_URL": url,
            "PYTHONPATH": f"{directory}{os.pathsep}{ROOT}",
        }
        _manage(["makemigrations", "--noinput", "--skip-checks", "-v0"], env)
        _manage(["migrate", "--noinput", "--skip-checks", "-v0"], env)


def _manage(arguments: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def _execute(connection: Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
