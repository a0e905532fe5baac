"""Let the name of an imported file stand in the import only, and as long as its file is kept.

A file may be called after a person. What the trail already repeats cannot be changed.
"""

from django.db import migrations

# All in one message: it carries its own sight. A list that an import made and named after its file
# is named after that import. One that was there before keeps its name, whatever was imported into
# it, and so does one whose name was asked for. Which import made a list the trail tells: both
# stand in it at the same moment, in the same request.
FORGET = r"""
SET LOCAL switchboard.business = 'all';
UPDATE messaging_contactlist l
   SET name = 'Import of ' || to_char(i.created_at, 'FMDD Mon YYYY, HH24:MI')
              || ' (' || right(i.id::text, 6) || ')'
  FROM messaging_contactimport i
 WHERE i.list_id = l.id AND coalesce(i.options->>'list_name', '') = ''
   AND l.name = left(btrim(regexp_replace(i.filename, '(?<=.)\.[^.]*$', '')), 120)
   AND l.created_at >= i.created_at
   AND EXISTS (
    SELECT FROM compliance_auditentry made JOIN compliance_auditentry started
      ON started.business_id = made.business_id AND started.request_id = made.request_id
     AND started.created_at BETWEEN made.created_at AND made.created_at + interval '10 seconds'
     WHERE made.business_id = l.business_id AND made.resource = 'list'
       AND made.resource_id = l.id::text AND made.action = 'list.created'
       AND started.resource = 'contact_import' AND started.resource_id = i.id::text
       AND started.action = 'contacts.import_started');
UPDATE messaging_contactimport SET filename = '' WHERE file = '' AND filename <> '';
UPDATE accounts_approval a SET summary = (
    SELECT jsonb_agg(CASE WHEN line->>0 = 'Audience'
        THEN jsonb_build_array('Audience',
            regexp_replace(line->>1, 'Import “.*?”(?=; |$)', 'An import', 'g'))
        ELSE line END ORDER BY place)
    FROM jsonb_array_elements(a.summary) WITH ORDINALITY AS told(line, place))
 WHERE a.kind = 'campaign' AND a.summary::text LIKE '%Import “%';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_second_factor"),
        ("compliance", "0003_audit_is_append_only"),
        ("messaging", "0006_business_of_every_row"),
    ]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
