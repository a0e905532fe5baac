"""`manage.py demo_business`: something to sign in to, made once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from config.dev import demo_business
from config.dev.forget import forget
from config.lib.errors import Unavailable
from messaging.meta.errors import SendError


class Command(BaseCommand):
    """Make the demo business; connect it when the sandbox answers."""

    help = "Make the demo business with users of every role; connect it to the sandbox."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether the sandbox must answer."""
        parser.add_argument(
            "--people-only", action="store_true", help="do not ask the sandbox for its account"
        )
        parser.add_argument(
            "--afresh", action="store_true", help="forget all the demo business did before"
        )
        parser.add_argument(
            "--quiet", action="store_true", help="say only what goes, not how to sign in"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing and print how to sign in."""
        now = timezone.now()
        if options["afresh"]:
            self._forget()
        business = demo_business.make_people(now=now)
        if not options["people_only"]:
            self._connect(business, is_quiet=options["quiet"])
        if not options["quiet"]:
            self._tell(business)

    def _forget(self) -> None:
        with tenancy.across(tenancy.Door.COMMAND):
            known = Business.objects.filter(name=demo_business.NAME).first()
            if known:
                self.stdout.write(f"Starting afresh: deleting what {known.name} did before.")
                self.stdout.flush()
                forget(known)

    def _connect(self, business: Business, *, is_quiet: bool) -> None:
        try:
            made = demo_business.connect(business, now=timezone.now())
        except (Unavailable, SendError) as error:
            self.stdout.write(f"The sandbox is not asked now: {error}")
        else:
            if not is_quiet:
                self.stdout.write(f"{made.senders} numbers, {made.templates} templates.")

    def _tell(self, business: Business) -> None:
        self.stdout.write(f"Business: {business.name}")
        self.stdout.write(f"Password of everybody: {demo_business.PASSWORD}")
        self.stdout.write(f"  {demo_business.PLATFORM_ADMIN}  (platform admin)")
        for email, _, role in demo_business.PEOPLE:
            self.stdout.write(f"  {email}  ({role.label.lower()})")
