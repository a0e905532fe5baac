"""`python -m bench.unlimited`: lift the limits that would spread a benchmark over days."""

import os

import django


def lift() -> None:
    """Let every number send as fast as it can, to as many as it likes."""
    from accounts import tenancy
    from accounts.models import WhatsAppAccount
    from messaging.senders.models import Sender

    with tenancy.across(tenancy.Door.COMMAND):
        WhatsAppAccount.across_businesses.update(messaging_limit="TIER_UNLIMITED")
        Sender.across_businesses.update(per_second=1000, throughput=Sender.Throughput.HIGH)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    lift()
