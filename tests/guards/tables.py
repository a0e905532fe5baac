"""What the catalogue says about the tables of the test database."""

from __future__ import annotations

from django.db import connection

_PROTECTED = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relrowsecurity AND c.relforcerowsecurity
  AND (SELECT array_agg(p.polcmd::text ORDER BY p.polcmd::text) FROM pg_policy p
       WHERE p.polrelid = c.oid AND p.polpermissive AND p.polroles = '{0}'
         AND (p.polcmd = 'a' OR p.polqual IS NOT NULL)
         AND (p.polcmd NOT IN ('a', 'w') OR p.polwithcheck IS NOT NULL)) = '{a,d,r,w}'
"""
_WITH_BUSINESS = """
SELECT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'business_id' AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
"""


def protected_tables() -> list[str]:
    """Return tables and partitions with forced row-level security for all four commands."""
    return _names(_PROTECTED)


def tables_with_a_business() -> list[str]:
    """Return tables and partitions with a column that names a business."""
    return _names(_WITH_BUSINESS)


def all_tables() -> list[str]:
    """Return every table that is no partition."""
    return _names(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        "AND relkind IN ('r', 'p') AND NOT relispartition"
    )


def _names(statement: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return sorted(name for (name,) in cursor.fetchall())
