"""The signed page of one person: what it says, and that a changed byte is found."""

from __future__ import annotations

import base64
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from reportlab.platypus import Paragraph
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Business, Role
from compliance import consent, proof, proof_page
from compliance.models import AuditEntry, ConsentStatus, Scope
from config.lib.errors import NotFound
from messaging.contacts.models import Contact
from tests.factories.accounts import full_access
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.compliance import opt_in

PHONE = "+5511987654321"
BSUID = "BR.13491208655302741918"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def tell(wording: str = "Yes, send me offers", **more: Any) -> None:
    facts: dict[str, Any] = {
        "addresses": [PHONE],
        "scopes": [Scope.MARKETING],
        "status": ConsentStatus.OPTED_IN,
        "source": "api",
        "occurred_at": NOW - timedelta(days=3),
        "now": NOW,
        "reason": "Web form",
        "wording": wording,
        "evidence": {"kind": "form", "url": "https://example.com/join"},
    }
    consent.record(**(facts | more))


def made(business: Business) -> proof.Proof:
    return proof.make(PHONE, by=full_access(business), now=NOW)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the paragraphs that are put on pages."""
    told: list[str] = []

    def note(text: str, *args: Any) -> Paragraph:
        told.append(text)
        return Paragraph(text, *args)

    monkeypatch.setattr(proof_page, "Paragraph", note)
    return told


def test_a_proof_verifies_and_holds_every_fact(business: Business) -> None:
    tell()
    tell(status=ConsentStatus.OPTED_OUT, occurred_at=NOW - timedelta(days=1), wording="")

    found = proof.verify(made(business).content)

    assert [one["status"] for one in found["events"]] == ["opted_out", "opted_in"]
    assert found["events"][1]["wording"] == "Yes, send me offers"
    assert found["events"][1]["evidence"]["url"] == "https://example.com/join"
    assert found["business"]["name"] == business.name
    assert next(one for one in found["state"] if one["scope"] == "marketing")["refusal"] == (
        "opted_out"
    )
    assert AuditEntry.objects.filter(action="consent.proof_made").count() == 1


def test_it_is_one_page_however_much_was_said(business: Business) -> None:
    for day in range(150):
        tell(wording=f"Wording {day} " * 30, occurred_at=NOW - timedelta(days=day))

    content = made(business).content

    assert len(re.findall(rb"/Type /Page\b", content)) == 1
    assert len(proof.verify(content)["events"]) == 150


def test_one_byte_changed_anywhere_is_found(business: Business) -> None:
    tell()
    content = made(business).content

    for place in range(0, len(content), max(1, len(content) // 60)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(proof.NotProven):
            proof.verify(bytes(changed))


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4 nothing", b"\n%switchboard-signature:1:x\n"])
def test_a_file_that_is_no_proof_is_refused(content: bytes) -> None:
    with pytest.raises(proof.NotProven):
        proof.verify(content)


def test_the_digest_on_paper_can_be_checked_and_another_cannot(business: Business) -> None:
    tell()
    page = made(business)
    signature = proof._signed(proof._signers()[0], page.digest.encode())

    assert proof.digest_of(proof.verify(page.content)) == page.digest
    assert proof.is_signed(page.digest, signature)
    assert not proof.is_signed("0" * 64, signature)
    assert not proof.is_signed(page.digest, "no base64 at all")
    assert len(base64.b64decode(proof.public_key())) == 32


def test_a_proof_survives_the_rotation_of_keys_and_no_foreign_key(
    business: Business, settings: Any
) -> None:
    tell()
    content = made(business).content

    settings.FIELD_ENCRYPTION_KEYS = ["newer", *settings.FIELD_ENCRYPTION_KEYS]
    assert proof.verify(content)
    settings.FIELD_ENCRYPTION_KEYS = ["somebody else's"]
    with pytest.raises(proof.NotProven):
        proof.verify(content)


@pytest.mark.parametrize(
    "wording",
    [
        "Ja, schickt mir Angebote für 5 €",
        "أوافق على تلقي العروض",
        "हाँ, भेजें",
        "同意します",
        "<b>&</b>",
        "👍🏽",
        "\u202eYes, no offers\u202c",
        "line\u2028\x01\x7f\ufffe</para><para>%switchboard-signature:1:",
        "W" * 4000,
    ],
)
def test_words_in_any_script_are_kept_exactly(business: Business, wording: str) -> None:
    tell(wording=wording)

    assert proof.verify(made(business).content)["events"][0]["wording"] == wording


def test_words_that_are_turned_around_are_not_drawn_as_they_are_not_read(
    business: Business, drawn: list[str]
) -> None:
    tell(wording="\u202eYes, no offers\u202c")
    tell(wording="Yes, offers", occurred_at=NOW)

    made(business)

    assert any("Yes, offers" in one for one in drawn)
    assert not any("Yes, no" in one for one in drawn)


def test_statements_with_other_evidence_are_each_on_the_page(
    business: Business, drawn: list[str]
) -> None:
    for page in ("join", "newsletter"):
        tell(evidence={"kind": "form", "url": f"https://example.com/{page}"})

    made(business)

    assert [sum(page in one for one in drawn) for page in ("/join", "/newsletter")] == [1, 1]


def test_nobody_gets_a_proof_of_nothing(business: Business) -> None:
    with pytest.raises(NotFound):
        made(business)


def test_the_command_prints_the_facts_or_says_what_is_wrong(
    business: Business, tmp_path: Path
) -> None:
    tell()
    page = made(business)
    good, bad = tmp_path / "good.pdf", tmp_path / "bad.pdf"
    good.write_bytes(page.content)
    bad.write_bytes(page.content.replace(b"%PDF-1.", b"%PDF-2."))
    out = io.StringIO()

    call_command("verify_proof", str(good), stdout=out)

    assert PHONE in out.getvalue()
    assert page.digest in out.getvalue()
    for arguments in ([str(bad)], [str(tmp_path / "none.pdf")], [], ["--digest", "00"]):
        with pytest.raises(CommandError):
            call_command("verify_proof", *arguments, stdout=out)


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_the_route_finds_the_person_by_any_address(cast: Cast) -> None:
    with tenancy.scope(cast.business):
        Contact.objects.create(business=cast.business, phone=PHONE, phone_key=PHONE, bsuid=BSUID)
    opt_in(cast.business, BSUID, scope="marketing", at=timezone.now())
    client: APIClient = client_of(cast.bob)

    answer = client.get("/api/compliance/consent/551187654321/proof")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert proof.verify(answer.content)["addresses"] == [PHONE, BSUID]


def test_a_stranger_has_no_proof_and_who_may_not_look_gets_none(cast: Cast) -> None:
    opt_in(cast.other_business, PHONE)
    path = f"/api/compliance/consent/{PHONE}/proof"

    assert client_of(cast.bob).get(path).status_code == 404
    assert client_of(cast.bob).get("/api/compliance/consent/nobody/proof").status_code == 404
    assert client_of(cast.bob).get(f"{path}?format=exe").status_code == 400
    assert client_of(cast.add(Role.ANALYST, name="Ana")).get(path).status_code == 403
