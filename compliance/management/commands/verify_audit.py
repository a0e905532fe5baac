"""Recompute the audit trail and name what was changed, removed or inserted."""

from __future__ import annotations

from argparse import ArgumentParser
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from compliance.audit import chain, checkpoints, verify

SHOWN: Final = 20


class Command(BaseCommand):
    help = (
        "Recompute every chain of the audit trail, compare it with the signed checkpoints, and "
        "name the entries that were changed, removed or inserted. Exits with 1 if there are any."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a business, or verify all."""
        parser.add_argument(
            "--business", type=UUID, metavar="ID", help="only the chain of this business"
        )

    def handle(self, *args: Any, business: UUID | None, **options: Any) -> None:
        """Verify and report."""
        known = verify.chains()
        if business and business not in known:
            raise CommandError(f"There is no trace of an audit trail of business {business}.")
        wanted = [business] if business else known
        broken = sum(not self._verify(business_id) for business_id in wanted)
        self.stdout.write(f"Checkpoints are signed with {checkpoints.public_key()}")
        if broken:
            raise CommandError(f"{broken} of {len(wanted)} chains are not as they were written.")
        self.stdout.write(self.style.SUCCESS("The audit trail is as it was written."))

    def _verify(self, business_id: UUID | None) -> bool:
        name = f"business {business_id}" if business_id else "the platform"
        found = list(islice(verify.findings(business_id), SHOWN + 1))
        for finding in found[:SHOWN]:
            self.stderr.write(f"{name}: {verify.describe(finding)}")
        if len(found) > SHOWN:
            self.stderr.write(f"{name}: and more")
        if not found:
            head, waiting = chain.head(business_id), chain.count_waiting(business_id)
            self.stdout.write(
                f"{name}: {head.position} entries in the chain, {waiting} waiting, "
                f"head {head.chain_hash}"
            )
        return not found
