"""Whether row-level security binds a role, or how the role could step around it."""

from __future__ import annotations

from typing import Any, Final

# A role escapes by itself, or by becoming another one it is a member of (SET ROLE).
_ESCAPES: Final = """
SELECT r.rolname = current_user, r.rolsuper, r.rolbypassrls, r.rolcreaterole, EXISTS (
    SELECT 1 FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
      AND c.relowner = r.oid
), r.rolname
FROM pg_roles r
WHERE r.rolname = current_user OR pg_has_role(current_user, r.oid, 'MEMBER')
ORDER BY r.rolname <> current_user, r.rolname
"""


def find_escape(cursor: Any) -> str:
    """Return in a sentence how the role of this connection escapes its policies; empty if not."""
    cursor.execute(_ESCAPES)
    for is_itself, is_superuser, bypasses, makes_roles, owns_tables, name in cursor.fetchall():
        what = (
            (is_superuser and "a superuser")
            or (bypasses and "BYPASSRLS")
            or (owns_tables and "the tables' owner")
            or (is_itself and makes_roles and "CREATEROLE, which may make itself a member of them")
        )
        if what:
            who = "is" if is_itself else f"may become {name}, which is"
            return (
                f"The role of DATABASE_URL {who} {what}, so row-level security does not hold: use "
                "a plain role there and the owner in DATABASE_OWNER_URL."
            )
    return ""
