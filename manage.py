#!/usr/bin/env python
"""Switchboard's command line."""

import os
import sys

# Commands that change the schema connect as the role that owns it.
OWNER_COMMANDS = {"migrate", "sqlmigrate", "showmigrations", "makemigrations"}

# Commands of development: they run with debugging on, unless told otherwise.
DEV_COMMANDS = {"serve", "demo", "sandbox", "demo_business", "bench"}


def main() -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in OWNER_COMMANDS:
        os.environ.setdefault("DATABASE_ROLE", "owner")
    if command in DEV_COMMANDS:
        os.environ.setdefault("DEBUG", "1")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
