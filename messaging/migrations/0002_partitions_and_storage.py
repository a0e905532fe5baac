"""Let the application role make partitions, and keep the hot tables small and clean."""

from django.db import migrations

from config.lib.partitions import CreatePartitionFunction

# Rows of these tables live for seconds: vacuum by number of dead rows, not by share of the table.
_BUSY = (
    "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, "
    "autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000"
)
_RESET = (
    "autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, "
    "autovacuum_analyze_scale_factor, autovacuum_analyze_threshold"
)


def _storage(table, options, reset):
    return migrations.RunSQL(
        f"ALTER TABLE {table} SET ({options})", f"ALTER TABLE {table} RESET ({reset})"
    )


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        CreatePartitionFunction(
            tables=["messaging_message", "messaging_messageevent", "messaging_rawevent"]
        ),
        _storage("messaging_queueitem", f"fillfactor = 70, {_BUSY}", f"fillfactor, {_RESET}"),
        _storage("messaging_pendingevent", _BUSY, _RESET),
        _storage("messaging_campaigntally", "fillfactor = 50", "fillfactor"),
    ]
