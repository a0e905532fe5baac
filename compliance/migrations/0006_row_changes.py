from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('compliance', '0005_blocks_and_policy'),
    ]

    operations = [
        # The library's own table, where it was made before: entries never went there.
        migrations.RunSQL('DROP TABLE IF EXISTS auditlog_logentry', migrations.RunSQL.noop),
        migrations.CreateModel(
            name='RowChange',
            fields=[
            ],
            options={
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('compliance.auditentry',),
        ),
    ]
