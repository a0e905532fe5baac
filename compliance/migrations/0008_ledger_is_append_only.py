"""Nobody changes a line of the consent ledger, and only an erasure that says so deletes one."""

from django.db import migrations

# Who deletes a user empties the actor of their lines: that, and nothing else, may change.
APPEND_ONLY = """
CREATE FUNCTION switchboard_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('switchboard.erasing', true) = 'on' THEN
            RETURN OLD;
        END IF;
    ELSE
        IF NEW.actor_id IS NULL THEN
            OLD.actor_id := NULL;
        END IF;
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only: its lines are never changed or deleted'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER switchboard_append_only BEFORE UPDATE OR DELETE ON compliance_consentevent
    FOR EACH ROW EXECUTE FUNCTION switchboard_ledger_append_only();
"""
NOT_APPEND_ONLY = """
DROP TRIGGER switchboard_append_only ON compliance_consentevent;
DROP FUNCTION switchboard_ledger_append_only();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("compliance", "0007_retention_progress"),
    ]

    operations = [migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY)]
