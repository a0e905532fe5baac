"""Hear a person who says stop, or start again, and act on it.

Only a whole message counts: "stop by my shop tomorrow" is a visit, not an opt-out. A word beats
courtesy, case, accents and emoji around it. Messages reach this module by Meta's three doors: a
text or a button, `user_preferences`, and the refusal 131050 of a send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal

from django.db import transaction

from compliance import consent, ledger, policy, wording, words
from compliance import evidence as proofs
from compliance.models import ConsentEvent, ConsentStatus, OptOutWord, Scope

Effect = Literal["stop", "start"]

STOP: Final = "stop"
START: Final = "start"
_EVERYTHING: Final = tuple(Scope)
# Two programs that answer each other change their minds for ever; a person does not.
_MOST_ANSWERS: Final = 4
_ANSWERS_WITHIN: Final = timedelta(days=1)
_OFFERS: Final = (Scope.MARKETING,)
# Where a person speaks for themself; a STOP told by another program carries its keyword.
_OWN_DOORS: Final = frozenset(
    {
        ConsentEvent.Source.MESSAGE,
        ConsentEvent.Source.META,
        ConsentEvent.Source.SEND_ERROR,
    }
)
_LOOKS_BACK: Final = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """The confirmation to send to the person, inside the window their message opened."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a word does: to which scopes, and the languages it belongs to."""

    effect: Effect
    scopes: tuple[Scope, ...]
    languages: list[str] = field(default_factory=list)


def classify(text: str, *, business_words: Mapping[str, str] | None = None) -> Effect | None:
    """Say whether this whole message means stop or start; None for any other.

    `business_words` maps words of the business to "stop" or "start"; they win over ours, but
    nothing makes a shipped stop mean start.
    """
    meaning = _meaning(text, business_words or {})
    return meaning.effect if meaning else None


def list_business_words() -> dict[str, str]:
    """Return the words the business in scope added, with their effects."""
    return dict(OptOutWord.objects.values_list("word", "effect"))


def apply(
    *,
    addresses: Sequence[str],
    text: str,
    language: str,
    occurred_at: datetime,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
    business_words: Mapping[str, str] | None = None,
) -> Reply | None:
    """Withdraw or restore consent if this message says so; return the confirmation, once.

    A stop ends every scope; a button such as "Stop promotions" ends marketing only. A start
    takes back the person's own stop (`restorable`) and does nothing else: who never agreed to
    offers has not asked for them by it.
    `language` is the person's, used when the word belongs to several. A repeated stop is recorded
    but not answered, and nobody gets more than four answers in a day, so that two machines cannot
    talk to each other for ever. A business may leave out the answers. `business_words` are read
    from the database unless a batch read them once.
    """
    if not addresses or len(text) > wording.LONGEST:
        return None
    own = list_business_words() if business_words is None else business_words
    meaning = _meaning(text, own)
    if meaning is None:
        return None
    with transaction.atomic():
        consent.lock(addresses)
        before = _opted_out(addresses)
        _record(
            meaning.effect,
            addresses=addresses,
            scopes=meaning.scopes if meaning.effect == STOP else restorable(addresses),
            source=ConsentEvent.Source.MESSAGE,
            occurred_at=occurred_at,
            now=now,
            reason="Message from the person",
            language=language,
            evidence=evidence,
        )
        if _opted_out(addresses) == before or not _may_answer(addresses, now):
            return None
    return _reply(meaning, language)


def restorable(addresses: Sequence[str]) -> tuple[Scope, ...]:
    """Return the scopes a start of the person gives back: what stood before their own stop.

    An opt-out that was recorded for them (a letter, an objection, an erasure) takes more than a
    word to end, under whatever address it was recorded. Answers inside a conversation need no
    earlier consent.
    """
    if not (scopes := _opted_out(addresses)):
        return ()
    history = ledger.history(addresses)
    return tuple(
        scope
        for scope in scopes
        if _ended_by_themself(history, lines := _lines(history, scope), scope)
        and not _objected(addresses, lines)
    )


def is_objected(addresses: Sequence[str], scope: Scope) -> bool:
    """Say whether an opt-out stands that was recorded for this person, behind any of their own."""
    return _objected(addresses, _lines(ledger.history(addresses), scope))


def _lines(history: ledger.History, scope: Scope) -> list[ConsentEvent]:
    """Return what was said in a scope as the state ranks it, newest first; one more than counts."""
    events = history.events.filter(scope=scope).exclude(status=ConsentStatus.BLOCKED)
    return sorted(
        events[: _LOOKS_BACK + 1],
        key=lambda one: (one.occurred_at, one.status == ConsentStatus.OPTED_OUT, one.pk),
        reverse=True,
    )


def _objected(addresses: Sequence[str], lines: Sequence[ConsentEvent]) -> bool:
    """Say whether at any address an opt-out stands under the stops of the person themself.

    A dated opt-in answers for its own address alone. Behind a repeated opt-out is what stands at
    the address it came from; beyond what is looked at anything may stand.
    """
    by_id = {str(one.pk): one for one in lines}
    here, looked_at = list(addresses), set[str]()
    while here:
        address = here.pop()
        if address in looked_at:
            continue
        looked_at.add(address)
        for line in (one for one in lines if one.address == address):
            if line.status != ConsentStatus.OPTED_OUT:
                if line.is_dated:
                    break
            elif origin := by_id.get(line.evidence.get("carried_from_event", "")):
                here.append(origin.address)
            elif not _is_own(line):
                return True
        else:
            if len(lines) > _LOOKS_BACK:
                return True
    return False


def _ended_by_themself(
    history: ledger.History, lines: Sequence[ConsentEvent], scope: Scope
) -> bool:
    is_out = stood = False
    for event in lines[:_LOOKS_BACK]:
        if event.evidence.get("carried_from_event") in history.origins:
            continue
        if event.status == ConsentStatus.OPTED_OUT:
            if not _is_own(event):
                return False
            is_out, stood = True, False
        elif is_out and event.is_dated:
            return True
        elif is_out:
            # It yields to every dated event, so an opt-out from before it may still stand.
            stood = True
    return stood or (is_out and scope == Scope.SERVICE)


def _is_own(event: ConsentEvent) -> bool:
    """Say whether somebody opted out themself; of what is only repeated nobody can tell."""
    if event.evidence.get("kind") == proofs.CARRIED:
        return False
    return event.source in _OWN_DOORS or "keyword" in event.evidence


def _may_answer(addresses: Sequence[str], now: datetime) -> bool:
    """Say whether the business answers at all, and this person was not answered often lately."""
    if not policy.current().confirms:
        return False
    heard = ConsentEvent.objects.filter(
        address__in=addresses,
        source=ConsentEvent.Source.MESSAGE,
        recorded_at__gt=now - _ANSWERS_WITHIN,
    )
    times = heard.values_list("occurred_at", flat=True).distinct()
    return len(times[: _MOST_ANSWERS + 1]) <= _MOST_ANSWERS


def stop_marketing(
    *,
    addresses: Sequence[str],
    source: str,
    occurred_at: datetime,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> list[ConsentEvent]:
    """Withdraw marketing: the person said so in WhatsApp's own settings."""
    return _record(
        STOP,
        addresses=addresses,
        scopes=_OFFERS,
        source=source,
        occurred_at=occurred_at,
        now=now,
        reason="Marketing turned off in WhatsApp",
        evidence=evidence,
    )


def resume_marketing(
    *,
    addresses: Sequence[str],
    source: str,
    occurred_at: datetime,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> list[ConsentEvent]:
    """Restore marketing: the person turned it on again in WhatsApp's own settings.

    The switch undoes what the person did themself, there or by a word. An opt-out recorded for
    them (a letter, an objection, an erasure) stays: then nothing is recorded.
    """
    with transaction.atomic():
        consent.lock(addresses)
        if any(is_objected(addresses, scope) for scope in _OFFERS):
            return []
        return _record(
            START,
            addresses=addresses,
            scopes=_OFFERS,
            source=source,
            occurred_at=occurred_at,
            now=now,
            reason="Marketing turned on in WhatsApp",
            evidence=evidence,
        )


def _record(effect: Effect, **facts: Any) -> list[ConsentEvent]:
    status = ConsentStatus.OPTED_OUT if effect == STOP else ConsentStatus.OPTED_IN
    return consent.record(status=status, **facts)


def _opted_out(addresses: Sequence[str]) -> list[Scope]:
    standing = consent.state(addresses)
    return [scope for scope in Scope if standing[scope].status == ConsentStatus.OPTED_OUT]


def _meaning(text: str, business_words: Mapping[str, str]) -> _Meaning | None:
    if len(text) > wording.LONGEST:
        return None
    said = wording.normalise(text)
    own = _own_words(business_words)
    phrases = (said, wording.without_courtesy(said, _courtesies()))
    shipped = [_shipped()[phrase] for phrase in phrases if phrase in _shipped()]
    stops = [meaning for meaning in shipped if meaning.effect == STOP]
    for phrase in phrases:
        added = own.get(phrase)
        if added and (added.effect == STOP or not stops):
            return added
    return next(iter(shipped), None)


def _own_words(business_words: Mapping[str, str]) -> dict[str, _Meaning]:
    return {
        wording.normalise(word): _Meaning(STOP if effect == STOP else START, _EVERYTHING)
        for word, effect in business_words.items()
    }


@cache
def _shipped() -> dict[str, _Meaning]:
    """Return every shipped word, normalised; one shared by languages names them all."""
    meanings: dict[str, _Meaning] = {}
    for language, said in words.LANGUAGES.items():
        _add(meanings, said.stop, _Meaning(STOP, _EVERYTHING), language)
        _add(meanings, said.marketing, _Meaning(STOP, _OFFERS), language)
        _add(meanings, said.start, _Meaning(START, _EVERYTHING), language)
    return meanings


def _add(
    meanings: dict[str, _Meaning], phrases: Iterable[str], meaning: _Meaning, language: str
) -> None:
    for phrase in phrases:
        known = meanings.setdefault(
            wording.normalise(phrase), _Meaning(meaning.effect, meaning.scopes)
        )
        known.languages.append(language)


@cache
def _courtesies() -> tuple[str, ...]:
    """Return the polite phrases of every language, longest first."""
    phrases = {
        wording.normalise(phrase) for said in words.LANGUAGES.values() for phrase in said.courtesies
    }
    return tuple(sorted(phrases, key=lambda phrase: -len(phrase.split())))


def _reply(meaning: _Meaning, preferred: str) -> Reply:
    """Answer in the person's language if the word is of it or is everybody's, else the word's."""
    base = preferred.replace("-", "_").partition("_")[0].lower()
    is_common = not meaning.languages or meaning.languages[0] == words.DEFAULT
    if base in words.LANGUAGES and (base in meaning.languages or is_common):
        language = base
    else:
        language = meaning.languages[0] if meaning.languages else words.DEFAULT
    answers = words.LANGUAGES[language]
    if meaning.effect == START:
        return Reply(answers.started, language)
    is_all = meaning.scopes == _EVERYTHING
    return Reply(answers.stopped if is_all else answers.unmarketed, language)
