"""Check a proof of consent: a file, or what is printed on a page."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from compliance import proof
from config.lib.errors import ProjectError


class Command(BaseCommand):
    help = (
        "Check that a proof of consent (PDF) is exactly as it was made, and print its facts as "
        "JSON. For a page on paper give the printed --digest and --signature. Exits with 1 if not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a file, or the two printed lines."""
        parser.add_argument("file", nargs="?", type=Path)
        parser.add_argument("--digest", metavar="HEX", default="")
        parser.add_argument("--signature", metavar="BASE64", default="")

    def handle(
        self, *args: Any, file: Path | None, digest: str, signature: str, **options: Any
    ) -> None:
        """Verify and report."""
        if file is None:
            self._verify_paper(digest, signature)
            return
        try:
            facts = proof.verify(file.read_bytes())
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        except ProjectError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode())
        self.stdout.write(
            self.style.SUCCESS(
                f"The proof is as it was made at {facts['made_at']}. "
                f"SHA-256 of the facts: {proof.digest_of(facts)}"
            )
        )

    def _verify_paper(self, digest: str, signature: str) -> None:
        if not digest or not signature:
            raise CommandError("Give a file, or the digest and the signature printed on the page.")
        if not proof.is_signed(digest.strip().lower(), signature.strip()):
            raise CommandError("The signature is not that of this digest.")
        self.stdout.write(self.style.SUCCESS("The digest was signed here."))
