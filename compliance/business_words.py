"""Words of the business in scope that mean stop, or start again, beside the shipped ones."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts.access import Access
from accounts.tenancy import current_id
from compliance import audit, optout, wording
from compliance.models import OptOutWord
from config.lib.errors import Conflict, InvalidInput


class WordTaken(Conflict):
    """The word is on the list."""

    code = "word_taken"


@transaction.atomic
def put(
    *, word: str, effect: str, language: str = "", by: Access | None, row: OptOutWord | None = None
) -> OptOutWord:
    """Add a word, or change `row`. Raises `InvalidInput` or `WordTaken`.

    A shipped stop word cannot be made to start: nobody takes STOP away from people.
    """
    said = wording.normalise(word)
    if not said:
        raise InvalidInput("A word has at least one letter or digit.", attr="word")
    if effect == OptOutWord.Effect.START and optout.classify(word) == optout.STOP:
        raise InvalidInput(
            "This word means stop everywhere: it cannot start anything.",
            code="shipped_stop_word",
            attr="effect",
        )
    others = OptOutWord.objects.exclude(pk=row.pk if row else None)
    if said in {wording.normalise(other) for other in others.values_list("word", flat=True)}:
        raise _taken()
    row = row or OptOutWord(business_id=current_id())
    row.word, row.effect, row.language = word, effect, language
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise _taken() from error
    _record("optout_word.saved", row, by)
    return row


@transaction.atomic
def remove(*, row: OptOutWord, by: Access | None) -> None:
    """Let the word mean nothing again."""
    _record("optout_word.removed", row, by)
    row.delete()


def _taken() -> WordTaken:
    return WordTaken("This word is on the list, perhaps in another spelling.", attr="word")


def _record(action: str, row: OptOutWord, by: Access | None) -> None:
    audit.record(
        action=action,
        resource="optout_word",
        resource_id=str(row.pk),
        details={"word": row.word, "effect": row.effect},
        actor=by.user if by else None,
        actor_name=by.actor_name if by else "",
    )
