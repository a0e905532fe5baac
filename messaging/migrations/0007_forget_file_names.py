"""Let the name of an imported file stand in the import only, and as long as its file is kept.

A file may be called after a person. What the trail already repeats cannot be changed.
"""

from django.db import migrations

# All in one message: it carries its own sight. A list that was named after its file is named
# after its import; who asked for a name of their own keeps it.
FORGET = r"""
SET LOCAL switchboard.business = 'all';
UPDATE messaging_contactlist l
   SET name = 'Import of ' || to_char(i.created_at, 'FMDD Mon YYYY, HH24:MI')
              || ' (' || right(i.id::text, 6) || ')'
  FROM messaging_contactimport i
 WHERE i.list_id = l.id AND coalesce(i.options->>'list_name', '') = ''
   AND l.name = left(btrim(regexp_replace(i.filename, '(?<=.)\.[^.]*$', '')), 120);
UPDATE messaging_contactimport SET filename = '' WHERE file = '' AND filename <> '';
UPDATE accounts_approval a SET summary = (
    SELECT jsonb_agg(CASE WHEN line->>0 = 'Audience'
        THEN jsonb_build_array('Audience', regexp_replace(line->>1, 'Import “.*”', 'An import'))
        ELSE line END ORDER BY place)
    FROM jsonb_array_elements(a.summary) WITH ORDINALITY AS told(line, place))
 WHERE a.kind = 'campaign' AND a.summary::text LIKE '%Import “%';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_second_factor"),
        ("messaging", "0006_business_of_every_row"),
    ]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
