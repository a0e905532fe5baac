"""Take over what was granted beside roles from guardian's own table."""

from django.db import migrations

COPY = """
INSERT INTO accounts_grant (business_id, user_id, permission_id, content_type_id, object_pk)
SELECT b.id, old.user_id, old.permission_id, old.content_type_id, old.object_pk
  FROM guardian_userobjectpermission AS old
  JOIN django_content_type AS type ON type.id = old.content_type_id
       AND type.app_label = 'accounts' AND type.model = 'business'
  JOIN accounts_business AS b ON b.id::text = old.object_pk
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_grants_sign_ins_invitations"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
    ]

    # Backwards the old rows are still there: nothing is deleted from guardian's table.
    operations = [migrations.RunSQL(COPY, migrations.RunSQL.noop)]
