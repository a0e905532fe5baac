from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('compliance', '0008_ledger_is_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='PlatformEntry',
            fields=[
            ],
            options={
                'verbose_name': 'platform entry',
                'verbose_name_plural': 'platform entries',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('compliance.auditentry',),
        ),
    ]
