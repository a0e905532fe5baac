"""What is written down about the deployment agrees with what the code does."""

import re
from typing import Any

import yaml
from django.conf import settings

from config.dev import processes
from config.env import BASE_DIR
from config.lib.jobs import QUEUES

READS = re.compile(
    r"""(?:\benv\.\w+\(\s*|environ\.get\(\s*|environ\[|\benv\.get\(\s*)["']([A-Z][A-Z0-9_]+)["']"""
)
COMPOSE_READS = re.compile(r"(?<!\$)\$\{([A-Z][A-Z0-9_]+)")
LISTED = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
WORKERS = (processes.WORKER, processes.PUMP)
BACKUP = "backup"
OF_THE_SYSTEM = {"PATH", "DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER"}


def listed_names() -> set[str]:
    return set(LISTED.findall((BASE_DIR / ".env.example").read_text()))


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
    return parsed


def queues_of(command: list[str]) -> set[str]:
    return set(command[command.index("--queues") + 1].split(","))


def test_every_name_the_configuration_reads_is_in_the_example() -> None:
    sources = [path.read_text() for path in (BASE_DIR / "config").rglob("*.py")]

    read = {name for source in sources for name in READS.findall(source)} - OF_THE_SYSTEM

    assert len(read) > 30
    assert read - listed_names() == set()


def test_every_name_the_containers_read_is_in_the_example() -> None:
    text = (BASE_DIR / "docker-compose.yml").read_text()
    text += (BASE_DIR / "deploy" / "entrypoint.sh").read_text()

    assert set(COMPOSE_READS.findall(text)) - listed_names() == set()


def test_no_name_is_listed_twice() -> None:
    names = LISTED.findall((BASE_DIR / ".env.example").read_text())

    assert sorted(names) == sorted(set(names))


def test_every_queue_has_a_worker_in_development_and_in_compose() -> None:
    commands = processes.commands(port=1, sandbox_port=2)
    served = {name: queues_of(commands[name]) for name in WORKERS}
    services = compose()["services"]
    composed = {name: queues_of(services[name]["command"]) for name in (*WORKERS, BACKUP)}

    # In a container the backups have a process of their own, the only one that knows the owner.
    composed[processes.PUMP] |= composed.pop(BACKUP)
    assert served == composed
    assert set().union(*served.values()) == set(QUEUES)
    assert settings.CELERY_TASK_DEFAULT_QUEUE in QUEUES


def test_compose_runs_every_process_but_the_sandbox() -> None:
    ours = {
        name for name, one in compose()["services"].items() if one.get("image") == "switchboard"
    }

    assert ours == {*processes.NAMES, BACKUP, "migrate"} - {processes.SANDBOX}


def test_only_the_migration_and_the_backup_know_the_owner() -> None:
    services = compose()["services"]

    knowing = {
        name for name, one in services.items() if "DATABASE_OWNER_URL" in one.get("environment", {})
    }

    assert knowing == {"migrate", BACKUP}
