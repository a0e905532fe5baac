"""Name the business in the rows that had it only through their parent."""

import config.lib.postgres.sight
from config.lib.partitions import CreatePartitionFunction
from django.db import migrations, models

# Which table names the business of the rows, and by which column.
_PARENTS = {
    "CampaignRecipient": ("messaging_campaign", "campaign_id"),
    "CampaignTally": ("messaging_campaign", "campaign_id"),
    "SenderActivity": ("messaging_sender", "sender_id"),
    "SenderUsage": ("messaging_sender", "sender_id"),
}


def _named(model, parent, column):
    table = f"messaging_{model.lower()}"
    name = "business_id"
    return [
        migrations.AddField(model, name, models.UUIDField(null=True, editable=False)),
        migrations.RunSQL(
            f"UPDATE {table} SET business_id = p.business_id FROM {parent} p "
            f"WHERE p.id = {table}.{column}",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model,
            name,
            models.UUIDField(
                db_default=config.lib.postgres.sight.BusinessInSight(), editable=False
            ),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("messaging", "0005_campaign_approved")]

    operations = [
        *(one for model, found in _PARENTS.items() for one in _named(model, *found)),
        # It protects the partitions it makes.
        CreatePartitionFunction(
            tables=["messaging_message", "messaging_messageevent", "messaging_rawevent"]
        ),
    ]
