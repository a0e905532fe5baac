import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def sign_what_is_there(apps, schema_editor):
    """Sign the entries written before there was a chain, and let them wait for it."""
    from compliance.audit import canonical

    entries = apps.get_model("compliance", "AuditEntry").objects.order_by("pk")
    pending = apps.get_model("compliance", "AuditPending").objects
    for entry in entries.iterator(chunk_size=1000):
        entry.signature = canonical.sign(entry)
        entry.save(update_fields=["signature"])
        pending.create(entry_id=entry.pk, business_id=entry.business_id)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('compliance', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditLink',
            fields=[
                ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='link', serialize=False, to='compliance.auditentry')),
                ('position', models.BigIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('chain_hash', models.CharField(max_length=64)),
                ('sealed_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='AuditPending',
            fields=[
                ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='pending', serialize=False, to='compliance.auditentry')),
            ],
        ),
        migrations.AddField(
            model_name='auditentry',
            name='after',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='api_key_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='before',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='origin',
            field=models.CharField(choices=[('internal', 'Action'), ('row', 'Change of a record'), ('external', 'From outside')], db_default='internal', default='internal', max_length=8),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='signature',
            field=models.CharField(db_default='', editable=False, max_length=80),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='actor',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='business',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.business'),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='created_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['business', 'actor', '-id'], name='audit_of_actor'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['business', 'action', '-id'], name='audit_of_action'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['business', 'request_id'], name='audit_of_request'),
        ),
        migrations.AddField(
            model_name='auditlink',
            name='business',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.business'),
        ),
        migrations.AddField(
            model_name='auditpending',
            name='business',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.business'),
        ),
        migrations.AddConstraint(
            model_name='auditlink',
            constraint=models.UniqueConstraint(fields=('business', 'position'), name='audit_link_one_per_position', nulls_distinct=False),
        ),
        migrations.AddIndex(
            model_name='auditpending',
            index=models.Index(fields=['business', 'entry'], name='audit_pending'),
        ),
        migrations.RunPython(sign_what_is_there, migrations.RunPython.noop, elidable=True),
    ]
