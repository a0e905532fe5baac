from django.db import migrations

# Whoever asks, also the owner: who really must change a row disables the trigger first.
APPEND_ONLY = """
CREATE FUNCTION switchboard_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: its rows are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER switchboard_append_only BEFORE UPDATE OR DELETE ON compliance_auditentry
    FOR EACH ROW EXECUTE FUNCTION switchboard_append_only();
CREATE TRIGGER switchboard_append_only BEFORE UPDATE OR DELETE ON compliance_auditlink
    FOR EACH ROW EXECUTE FUNCTION switchboard_append_only();
"""
NOT_APPEND_ONLY = """
DROP TRIGGER switchboard_append_only ON compliance_auditentry;
DROP TRIGGER switchboard_append_only ON compliance_auditlink;
DROP FUNCTION switchboard_append_only();
"""

# With the entry, in the same statement: nothing can be written that does not wait for the chain.
WAITS_FOR_CHAIN = """
CREATE FUNCTION switchboard_audit_pending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO compliance_auditpending (entry_id, business_id) VALUES (NEW.id, NEW.business_id);
    RETURN NULL;
END $$;
CREATE TRIGGER switchboard_audit_pending AFTER INSERT ON compliance_auditentry
    FOR EACH ROW EXECUTE FUNCTION switchboard_audit_pending();
"""
WAITS_NO_MORE = """
DROP TRIGGER switchboard_audit_pending ON compliance_auditentry;
DROP FUNCTION switchboard_audit_pending();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('compliance', '0002_audit_chain'),
    ]

    operations = [
        migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY),
        migrations.RunSQL(WAITS_FOR_CHAIN, WAITS_NO_MORE),
    ]
