"""Let the rule for text look at everything once more.

It forgets what campaigns were given of people too: where it ran before it did, those that ended
long ago were never looked at.
"""

from django.db import migrations

# In one message: it carries its own sight.
AGAIN = """
SET LOCAL switchboard.business = 'all';
UPDATE compliance_retentionrule SET done_before = NULL WHERE kind = 'messages';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0007_retention_progress"),
        ("messaging", "0007_forget_file_names"),
    ]

    operations = [migrations.RunSQL(AGAIN, migrations.RunSQL.noop)]
