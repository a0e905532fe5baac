"""What the consent routes take and give."""

from __future__ import annotations

from typing import Any, Final

import orjson
from django.utils import timezone
from rest_framework import serializers

from compliance import blocks, evidence, optout
from compliance.consent import CLOCK_SKEW, EARLIEST
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope
from config.lib.addresses import Address as ParsedAddress
from config.lib.api.fields import Address, Instant

SCOPES: Final = ["all", *Scope.values]
LARGEST_PROOF_BYTES: Final = 4096
MOST_LINES: Final = 5000


class ConsentInput(serializers.Serializer[Any]):
    """A person's agreement, and how it is known. A Meta user id may stand for the number.

    `source` says in your words where it was given, `occurred_at` when (now if left out).
    """

    phone_number = Address()
    status = serializers.ChoiceField([ConsentStatus.OPTED_IN.value])
    scope = serializers.ChoiceField(SCOPES)
    source = serializers.CharField(max_length=200)  # type: ignore[assignment]  # Field.source
    proof = serializers.DictField(
        default=dict,
        help_text="How it can be shown. With `kind` (form, message, file_row, operator, call, "
        "document) the fields of that kind are asked for; without, anything up to 4 KB is kept. It "
        "is kept with this person: let it name nobody else, nor the `file` of a row.",
    )
    wording = serializers.CharField(max_length=4000, default="", allow_blank=True)
    language = serializers.CharField(max_length=12, default="", allow_blank=True)
    occurred_at = Instant(required=False)

    def validate_proof(self, proof: dict[str, Any]) -> dict[str, Any]:
        """Refuse more than 4 KB."""
        if len(orjson.dumps(proof, default=str)) > LARGEST_PROOF_BYTES:
            raise serializers.ValidationError("The proof is larger than 4 KB.", code="max_length")
        return evidence.check(proof)

    def validate_occurred_at(self, occurred_at: Any) -> Any:
        """Refuse a time that has not come yet, or was before computers."""
        if not EARLIEST <= occurred_at <= timezone.now() + CLOCK_SKEW:
            raise serializers.ValidationError("The time is not in the past.", code="invalid")
        return occurred_at


class OptOutInput(serializers.Serializer[Any]):
    """An opt-out an operator or another system learnt of.

    With `block_days` the person is left alone for a time instead, and what they agreed to or
    refused stays as it is. Null is the same as leaving it out: an opt-out.
    """

    phone_number = Address()
    scope = serializers.ChoiceField(SCOPES)
    reason = serializers.CharField(max_length=200)
    block_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=blocks.LONGEST_DAYS
    )


class UnsubscribeInput(serializers.Serializer[Any]):
    """A STOP that came from outside, e.g. by text message or e-mail.

    `keyword` is what the person wrote; any word ends every scope, but one that means start again.
    """

    phone_number = Address()
    keyword = serializers.CharField(max_length=120)
    channel = serializers.CharField(max_length=60)

    def validate_keyword(self, keyword: str) -> str:
        """Refuse a word by which people ask for messages: it ends nothing."""
        words = optout.list_business_words()
        if optout.classify(keyword, business_words=words) == optout.START:
            raise serializers.ValidationError(
                "This word means start again, so it ends nothing. Record a consent with "
                "POST /api/compliance/consent.",
                code="start_word",
            )
        return keyword


class ConsentImportInput(serializers.Serializer[Any]):
    """A file of consents. What is given beside it holds for rows that do not say it themselves."""

    file = serializers.FileField(
        max_length=200, help_text="CSV or XLSX, up to 9 MB and 20,000 rows; a header row."
    )
    commit = serializers.BooleanField(
        default=False, help_text="Write it. Left out or false: look only, nothing is written."
    )
    source = serializers.CharField(  # type: ignore[assignment]  # Field.source
        max_length=200, help_text="Where these people said so, in your words."
    )
    status = serializers.ChoiceField(
        [ConsentStatus.OPTED_IN.value, ConsentStatus.OPTED_OUT.value], required=False
    )
    scope = serializers.ChoiceField(SCOPES, default=Scope.MARKETING.value)
    wording = serializers.CharField(max_length=4000, default="", allow_blank=True)
    language = serializers.CharField(max_length=12, default="", allow_blank=True)


class LineOutput(serializers.Serializer[Any]):
    """One row: what it says, or why it is left out."""

    row = serializers.IntegerField(read_only=True)
    verdict = serializers.CharField(read_only=True)
    phone_number = serializers.CharField(source="address", read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    occurred_at = Instant(read_only=True, allow_null=True)
    reason = serializers.CharField(read_only=True)


class ConsentImportOutput(serializers.Serializer[Any]):
    """What a file says, and what was written: nothing unless `committed`."""

    filename = serializers.CharField(read_only=True)
    committed = serializers.BooleanField(source="is_committed", read_only=True)
    columns = serializers.DictField(child=serializers.CharField(), read_only=True)
    rows = serializers.IntegerField(read_only=True)
    accepted = serializers.IntegerField(read_only=True)
    refused = serializers.IntegerField(read_only=True)
    events = serializers.IntegerField(read_only=True)
    verdicts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    sample = LineOutput(many=True, read_only=True)
    row_errors = LineOutput(source="errors", many=True, read_only=True)


class EventOutput(serializers.ModelSerializer[ConsentEvent]):
    """One line of the ledger."""

    phone_number = serializers.CharField(source="address", read_only=True)
    actor = serializers.IntegerField(source="actor_id", read_only=True, allow_null=True)
    proof = serializers.DictField(source="evidence", read_only=True)
    occurred_at = Instant(read_only=True)
    until = Instant(read_only=True, allow_null=True)
    recorded_at = Instant(read_only=True)

    class Meta:
        model = ConsentEvent
        fields = (
            "id",
            "phone_number",
            "scope",
            "status",
            "source",
            "reason",
            "wording",
            "language",
            "proof",
            "actor",
            "is_dated",
            "occurred_at",
            "until",
            "recorded_at",
        )
        read_only_fields = fields


class StateOutput(serializers.ModelSerializer[Consent]):
    """Where an address stands in one scope."""

    phone_number = serializers.CharField(source="address", read_only=True)
    status = serializers.ChoiceField(ConsentStatus.choices, read_only=True, allow_null=True)
    changed_at = Instant(read_only=True)
    blocked_until = Instant(read_only=True, allow_null=True)

    class Meta:
        model = Consent
        fields = ("phone_number", "scope", "status", "changed_at", "blocked_until")
        read_only_fields = fields


class StandingOutput(serializers.Serializer[Any]):
    """Where a person stands in one scope. `refusal` says why a message would be refused now."""

    scope = serializers.ChoiceField(Scope.choices, read_only=True)
    status = serializers.ChoiceField(ConsentStatus.choices, read_only=True, allow_null=True)
    changed_at = Instant(read_only=True, allow_null=True)
    messageable = serializers.SerializerMethodField()
    refusal = serializers.CharField(read_only=True, allow_null=True)
    blocked_until = Instant(read_only=True, allow_null=True)

    def get_messageable(self, standing: Any) -> bool:
        """Say whether consent allows a message now."""
        return standing.refusal is None


class PersonOutput(serializers.Serializer[Any]):
    """A person's state per scope over all their addresses, and the full ledger, newest first.

    A program may say stop all day: of more than 5,000 lines the newest are shown, and
    `ledger_is_complete` is false; the export has all.
    """

    phone_number = serializers.CharField(read_only=True)
    addresses = serializers.ListField(child=serializers.CharField(), read_only=True)
    state = StandingOutput(many=True, read_only=True)
    ledger = EventOutput(many=True, read_only=True)
    ledger_is_complete = serializers.BooleanField(read_only=True)


class RecordedOutput(serializers.Serializer[Any]):
    """What was written; nothing new when the same fact was told before."""

    phone_number = serializers.CharField(read_only=True)
    recorded = EventOutput(many=True, read_only=True)
    state = StandingOutput(many=True, read_only=True)


def key_of(address: str) -> str:
    """Return the address key consent is filed under."""
    return ParsedAddress(address).key
