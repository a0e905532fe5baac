#!/usr/bin/env python
"""Switchboard's command line."""

import os
import sys

# Commands that change the schema connect as the role that owns it.
OWNER_COMMANDS = {"migrate", "sqlmigrate", "showmigrations", "makemigrations"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("DATABASE_ROLE", "owner")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
