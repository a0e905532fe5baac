"""The checked-in table of who may use which route and open which page: `rights.md` beside this.

After a change of rights: `python -m config.dev.embedded run -- env WRITE_RIGHTS=1 pytest
tests/guards/test_rights.py`, then read the difference line by line before it is committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from accounts import roles
from accounts.models import Role

PATH: Final = Path(__file__).with_name("rights.md")
COLUMNS: Final = (roles.PLATFORM_ADMIN, *(role.value for role in Role))
YES, NO = "yes", "·"

Table = dict[str, dict[str, bool]]

_HEAD = """# Who may do what

Every route of the API and every page of the admin, found in the code, and what happens when each
role asks for it: `yes` when it may, `·` when it is refused. `tests/guards/test_rights.py` asks for
each of them and fails when the answer is another one, or when a route or page has no line here.
"""


def read() -> Table:
    """Return the table as it is checked in."""
    lines = PATH.read_text().splitlines() if PATH.exists() else []
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| `")
    ]
    return {
        row[0].strip("`"): {role: cell == YES for role, cell in zip(COLUMNS, row[1:], strict=True)}
        for row in rows
    }


def write(found: Table) -> None:
    """Write the table; a column that was not asked for stays as it was."""
    held = read()
    merged = {line: held.get(line, {}) | cells for line, cells in found.items()}
    apis = [line for line in merged if "/api/" in line]
    pages = [line for line in merged if "/api/" not in line]
    parts = [_HEAD, _drawn("API", sorted(apis, key=_order), merged)]
    parts.append(_drawn("Admin", sorted(pages), merged))
    PATH.write_text("\n".join(parts))


def _drawn(title: str, lines: list[str], cells: Table) -> str:
    head = f"| {title} | " + " | ".join(name.replace("_", " ") for name in COLUMNS) + " |"
    rule = "|---" + "|:-:" * len(COLUMNS) + "|"
    rows = [
        f"| `{line}` | "
        + " | ".join(YES if cells[line].get(role) else NO for role in COLUMNS)
        + " |"
        for line in lines
    ]
    return "\n".join([head, rule, *rows, ""])


def _order(line: str) -> tuple[str, str]:
    method, _, path = line.partition(" ")
    return path, method
