"""Take the names of imported files out of the evidence of consents: a file may name others.

What the trail and proofs already made repeat cannot be changed.

Nobody waits for it: no lock on the ledger, and its lines in batches, a transaction each. Who stops
it runs it again.
"""

from django.db import migrations, transaction

from accounts import tenancy

# The ledger as 0008 keeps it, but that a transaction which says so may take the name out.
_LEDGER = """
CREATE OR REPLACE FUNCTION switchboard_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('switchboard.erasing', true) = 'on' THEN
            RETURN OLD;
        END IF;
    ELSE
        IF NEW.actor_id IS NULL THEN
            OLD.actor_id := NULL;
        END IF;%s
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only: its lines are never changed or deleted'
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
FORGETTABLE = (
    _LEDGER
    % """
        IF current_setting('switchboard.forgetting_files', true) = 'on' THEN
            IF NEW.evidence = OLD.evidence - 'file' THEN
                OLD.evidence := NEW.evidence;
            END IF;
        END IF;"""
)
AS_BEFORE = _LEDGER % ""

BATCH = 1_000
_FIRST = "00000000-0000-0000-0000-000000000000"
_PAGE = """
SELECT id FROM compliance_consentevent
 WHERE id > %s AND source = 'import' AND evidence ? 'file' ORDER BY id LIMIT %s
"""
_FORGET = """
UPDATE compliance_consentevent SET evidence = evidence - 'file'
 WHERE id = ANY(%s) AND evidence ? 'file'
"""


def forget(apps, schema_editor):
    """Take the names out, oldest lines first."""
    cursor = _FIRST
    while cursor:
        with tenancy.across(tenancy.Door.COMMAND):
            cursor = _forget_page(schema_editor.connection, cursor)


def _forget_page(connection, after):
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(_PAGE, [after, BATCH])
        page = [id_ for (id_,) in cursor.fetchall()]
        cursor.execute("SET LOCAL switchboard.forgetting_files = 'on'")
        cursor.execute(_FORGET, [page])
    return page[-1] if page else None


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("compliance", "0009_platform_trail")]

    operations = [
        migrations.RunSQL(FORGETTABLE, migrations.RunSQL.noop),
        migrations.RunPython(forget, migrations.RunPython.noop),
        migrations.RunSQL(AS_BEFORE, migrations.RunSQL.noop),
    ]
