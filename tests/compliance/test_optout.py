"""What people say to make messages stop, in their languages, and what they say otherwise."""

# ruff: noqa: RUF001  # phrases in their own scripts

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Business
from compliance import consent, evidence, optout, persons, policy, wording, words
from compliance.models import Consent, ConsentEvent, ConsentStatus, OptOutWord, Scope
from config.lib.ids import new_id
from tests.factories.compliance import opt_in, opt_out

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHONE = "+34600111222"
BSUID = "ES.13491208655302741918"

STOPS = [
    "STOP", "stop", "Stop!", "STOP!!", "stop.", " stop ", "\tStop\n", "Stop. Thank you",
    "stop please", "please stop", "Please, STOP!", "pls stop thx", "STOP STOP STOP", "S.T.O.P.",
    "s t o p", "ＳＴＯＰ", "stop 🛑", "🛑🛑 STOP 🙏", "“Stop”", "(stop)", "*STOP*", "_stop_",
    "st\u200bop", "\u202eSTOP\u202c", "𝐒𝐓𝐎𝐏", "𝓼𝓽𝓸𝓹", "ⓢⓣⓞⓟ", "Štop", "stóp", "ok stop",
    "Hi, stop", "stop now", "STOPALL", "stop all", "Unsubscribe", "UNSUBSCRIBE ME", "opt-out",
    "opt out", "Opt me out, please", "END", "quit", "cancel", "revoke", "remove me",
    "Don't contact me", "don’t message me", "Stop messaging me!", "I want to unsubscribe",
    "No more messages", "BAJA", "baja por favor", "Alto", "CANCELAR", "parar", "darme de baja",
    "Quiero darme de baja, gracias", "cancelar suscripcion", "Cancelar suscripción",
    "no mas mensajes", "No más mensajes.", "¡BAJA!", "SAIR", "sair por favor", "Parar, obrigada",
    "descadastrar", "Não quero mais receber mensagens", "nao quero mais mensagens", "PARE!",
    "ARRÊT", "arret", "Arrêtez svp", "STOP merci", "désabonner", "DESABONNER", "se désabonner",
    "Ne m’écrivez plus", "STOPP", "Abmelden", "bitte abmelden", "ABMELDUNG, danke", "Kündigen",
    "kundigen", "Keine Nachrichten mehr!", "ANNULLA", "annulla per favore", "Disiscrivimi",
    "basta", "Cancellami, grazie", "afmelden", "Uitschrijven aub", "wypisz mnie", "Rezygnuję",
    "DUR", "dur lütfen", "İPTAL", "iptal", "ÇIKIŞ", "cikis", "çıkış", "СТОП", "стоп!",
    "Стоп, пожалуйста", "Отписаться", "отпишите меня", "ВІДПИСАТИСЯ", "إيقاف", "ايقاف", "إيقَاف",
    "إلغاء الاشتراك", "الغاء الإشتراك", "إيقاف من فضلك", "توقف", "إيـقـاف", "הסר", "הסירו אותי",
    "रोकें", "रोको", "बंद करो", "कृपया रोकें", "स्टॉप", "band karo", "Berhenti",
    "berhenti, terima kasih",
    "停止", "退订", "退訂", "取消订阅", "请停止", "停止。", "ＴＤ", "配信停止", "ストップ", "ｽﾄｯﾌﾟ",
    "やめてください", "Stop promotions", "STOP PROMOTIONS", "Detener promociones",
    "Parar promoções",
    "Arrêter les promotions", "Interrompi promozioni", "Werbung stoppen", "إيقاف العروض",
]  # fmt: skip

STARTS = [
    "START", "start please", "Unstop", "UNSTOP!", "Resume", "subscribe", "opt in", "ALTA",
    "Reanudar", "VOLTAR", "começar", "comecar", "Reprendre", "RÉABONNER", "Fortsetzen", "Riprendi",
    "Başlat", "BAŞLA", "СТАРТ", "اشترك", "शुरू", "恢复", "再開", "Mulai", "התחל", "Wznów",
    "AANMELDEN",
]  # fmt: skip

ORDINARY = [
    "stop by my shop tomorrow", "Please stop by tomorrow", "Don't stop", "I can't stop laughing",
    "The bus stop", "non stop", "Where is the stop?", "stop sign", "Can you cancel my order?",
    "cancel my appointment please", "The end of the month", "weekend", "in the end I bought it",
    "Start tomorrow?", "When does it start", "thanks", "thank you", "please", "ok", "okay thanks",
    "hi", "hello", "yes", "no", "No thanks", "👍", "🛑", "", " ", "...", "?!", "stopwatch",
    "nonstop",
    "unstoppable", "sto", "top", "s", "a b c", "1", "2026", "quiero cancelar mi pedido",
    "¿Cuándo es la baja temporada?", "la baja de precios", "alto ahí amigo mío", "para mañana",
    "gracias", "por favor", "hola", "¿Puedo parar por la tienda?", "Quiero sair hoje à noite",
    "vou sair agora", "obrigado", "não", "Je ne peux pas arrêter de rire", "merci", "bonjour",
    "l'arrêt de bus", "Wann kann ich mich anmelden?", "Ich möchte stoppen und tanken", "danke",
    "Die Haltestelle", "non voglio fermarmi", "grazie", "ciao", "annulla il mio ordine di ieri",
    "dur bakalım bir düşüneyim", "teşekkürler", "iptal edilen sipariş nerede", "спасибо",
    "где стоп-кран?", "привет", "стоп, а сколько это стоит?", "شكرا", "متى يتوقف المطر", "مرحبا",
    "أين موقف الحافلة", "धन्यवाद", "दुकान कब बंद करते हो", "बारिश रोकें कैसे", "谢谢", "你好",
    "不要停止", "什么时候开始营业", "取消我的订单", "ありがとう", "バス停はどこですか", "停電です",
    "Is the promotion still on?", "stop promotions from ending, I love them", "unsubscribed?",
    "How do I unsubscribe my brother from this?", "What happens if I reply STOP?",
    "STOP " * 60, "x" * 5000, "stop\u0000it? no", "My order 4711 is late", "Great offers!",
    "halo", "kapan mulai promo", "terima kasih", "dziękuję", "proszę o fakturę", "hoi", "bedankt",
]  # fmt: skip


@pytest.mark.parametrize("text", STOPS)
def test_it_means_stop(text: str) -> None:
    assert optout.classify(text) == "stop"


@pytest.mark.parametrize("text", STARTS)
def test_it_means_start(text: str) -> None:
    assert optout.classify(text) == "start"


@pytest.mark.parametrize("text", ORDINARY)
def test_it_means_neither(text: str) -> None:
    assert optout.classify(text) is None


def test_no_word_means_two_things() -> None:
    effects: dict[str, set[str]] = {}
    for said in words.LANGUAGES.values():
        for effect, phrases in [
            ("all", said.stop),
            ("marketing", said.marketing),
            ("start", said.start),
        ]:
            for phrase in phrases:
                effects.setdefault(wording.normalise(phrase), set()).add(effect)

    assert {phrase: found for phrase, found in effects.items() if len(found) > 1} == {}


def test_every_answer_names_a_word_that_undoes_it() -> None:
    for language, said in words.LANGUAGES.items():
        for answer, undo in [
            (said.stopped, "start"),
            (said.unmarketed, "start"),
            (said.started, "stop"),
        ]:
            assert undo in [optout.classify(word) for word in _words(answer)], (language, answer)


def _words(answer: str) -> list[str]:
    for mark in "「」:：。।,":
        answer = answer.replace(mark, " ")
    return answer.split()


def test_a_business_has_words_of_its_own() -> None:
    own = {"Weg damit": "stop", "Ja!": "start"}

    assert optout.classify("weg damit!", business_words=own) == "stop"
    assert optout.classify("JA", business_words=own) == "start"
    assert optout.classify("ja") is None


def say(text: str, *, language: str = "en", minutes: float = 0, **more: Any) -> optout.Reply | None:
    facts: dict[str, Any] = {"addresses": [PHONE, BSUID], "evidence": {"wamid": f"w{minutes}"}}
    at = NOW + timedelta(minutes=minutes)
    return optout.apply(text=text, language=language, occurred_at=at, now=at, **(facts | more))


def refusal(addresses: list[str]) -> consent.Decision:
    return consent.check(addresses=addresses, scope=Scope.MARKETING)


def statuses(address: str = PHONE) -> dict[str, str]:
    return dict(Consent.objects.filter(address=address).values_list("scope", "status"))


def test_a_stop_ends_every_scope_at_every_address_and_is_answered_once(business: Business) -> None:
    first = say("STOP")
    again = say("Stop!!", minutes=1)

    assert first == optout.Reply(words.LANGUAGES["en"].stopped, "en")
    assert again is None
    assert statuses() == statuses(BSUID) == dict.fromkeys(Scope, "opted_out")
    assert ConsentEvent.objects.filter(address=PHONE, scope="marketing").count() == 2


def test_a_button_that_ends_promotions_leaves_the_rest(business: Business) -> None:
    opt_in(business, PHONE, at=NOW - timedelta(days=1))

    reply = say("Stop promotions")

    assert reply == optout.Reply(words.LANGUAGES["en"].unmarketed, "en")
    assert statuses()["marketing"] == "opted_out"
    assert statuses()["utility"] == "opted_in"


def test_nothing_makes_a_shipped_stop_mean_start() -> None:
    assert optout.classify("Stop.", business_words={"STOP": "start"}) == "stop"
    assert optout.classify("stop please", business_words={"stop please": "start"}) == "stop"


def test_a_start_gives_back_what_stood_before_the_stop(business: Business) -> None:
    opt_in(business, PHONE, scope="utility", at=NOW - timedelta(days=1))
    say("STOP", minutes=1)

    say("START", minutes=2)

    assert statuses() == {
        "marketing": "opted_out",
        "utility": "opted_in",
        "authentication": "opted_out",
        "service": "opted_in",
    }


def test_a_start_does_not_lift_an_objection_somebody_recorded(business: Business) -> None:
    opt_in(business, PHONE, at=NOW - timedelta(days=2))
    opt_out(business, PHONE, at=NOW - timedelta(days=1))
    say("STOP", minutes=1)

    assert say("START", minutes=2) is None
    assert statuses() == dict.fromkeys(Scope, "opted_out")


def test_an_undated_list_lifts_no_objection_by_way_of_a_start(business: Business) -> None:
    opt_out(business, PHONE, at=NOW - timedelta(days=3))
    consent.record(
        addresses=[PHONE],
        scopes=(Scope.MARKETING,),
        status=ConsentStatus.OPTED_IN,
        source=ConsentEvent.Source.IMPORT,
        occurred_at=NOW - timedelta(days=2),
        is_dated=False,
        now=NOW,
    )
    say("STOP", minutes=1)

    assert say("START", minutes=2) is None
    assert statuses()["marketing"] == "opted_out"


def test_a_start_after_a_change_of_number_lifts_no_objection_and_gives_back_the_rest(
    business: Business,
) -> None:
    opt_in(business, PHONE, at=NOW - timedelta(days=9))
    opt_out(business, PHONE, scope="utility", at=NOW - timedelta(days=8))
    say("STOP", addresses=[PHONE])
    numbers = [PHONE, "+34600111333", "+34600111444"]
    for left, kept in pairwise(numbers):
        persons.carry(before=[left], kept=[kept], now=NOW)

    reply = say("START", minutes=1, addresses=numbers[-1:])

    assert reply == optout.Reply(words.LANGUAGES["en"].started, "en")
    assert statuses(numbers[-1]) == dict.fromkeys(Scope, "opted_in") | {"utility": "opted_out"}


def test_a_repeated_opt_out_of_which_nobody_knows_the_origin_stays(business: Business) -> None:
    opt_in(business, PHONE, at=NOW - timedelta(days=9))
    consent.record(
        addresses=[PHONE],
        scopes=tuple(Scope),
        status=ConsentStatus.OPTED_OUT,
        source=ConsentEvent.Source.META,
        occurred_at=NOW,
        now=NOW,
        evidence={"kind": evidence.CARRIED, "carried_from_event": str(new_id())},
    )

    assert say("START", minutes=1) is None
    assert statuses() == dict.fromkeys(Scope, "opted_out")


def test_what_others_say_under_a_number_left_long_ago_is_theirs(business: Business) -> None:
    opt_in(business, PHONE, at=NOW - timedelta(days=9))
    say("STOP", addresses=[PHONE])
    persons.carry(before=[PHONE], kept=["+34600111333"], now=NOW)
    for scope in Scope:
        ConsentEvent.objects.create(
            business=business,
            address=PHONE,
            scope=scope,
            status=ConsentStatus.OPTED_OUT,
            source=ConsentEvent.Source.ADMIN,
            occurred_at=NOW,
            recorded_at=timezone.now() + timedelta(hours=2),
        )

    assert optout.restorable([PHONE]) == ()
    assert optout.restorable(["+34600111333"]) == tuple(Scope)


def test_a_start_lifts_no_objection_at_one_address_by_a_consent_at_the_other(
    business: Business,
) -> None:
    opt_out(business, PHONE, at=NOW - timedelta(days=9))
    opt_in(business, BSUID, at=NOW - timedelta(days=8))

    answers = [say(word, minutes=minute) for minute, word in enumerate(["START", "STOP", "START"])]

    assert answers == [None] * 3
    assert statuses(PHONE) == dict.fromkeys(Scope, "opted_out")
    assert refusal([PHONE, BSUID]) == consent.Refused("opted_out")


@pytest.mark.parametrize("kept", [["+34600111333", BSUID], [BSUID], [PHONE, "ES.9"]])
def test_a_start_lifts_no_such_objection_after_a_change_of_address_either(
    business: Business, kept: list[str]
) -> None:
    opt_out(business, PHONE, at=NOW - timedelta(days=9))
    opt_in(business, BSUID, at=NOW - timedelta(days=8))
    say("STOP")
    persons.carry(before=[PHONE, BSUID], kept=kept, now=NOW)

    assert say("START", minutes=1, addresses=kept) is None
    assert refusal(kept) == consent.Refused("opted_out")


def test_a_consent_after_the_objection_is_given_back_by_a_start(business: Business) -> None:
    opt_out(business, PHONE, at=NOW - timedelta(days=9))
    opt_in(business, PHONE, BSUID, at=NOW - timedelta(days=8))
    say("STOP")
    kept = ["+34600111333", BSUID]
    persons.carry(before=[PHONE, BSUID], kept=kept, now=NOW)

    assert say("START", minutes=1, addresses=kept)
    assert refusal(kept) == consent.Allowed()


def test_beyond_what_is_looked_at_an_objection_may_stand(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optout, "_LOOKS_BACK", 3)
    opt_out(business, PHONE, at=NOW - timedelta(days=9))
    opt_in(business, BSUID, at=NOW - timedelta(minutes=1))
    for minute in (-3, -2, 0):
        say("STOP", minutes=minute, addresses=[PHONE])

    assert optout.restorable([PHONE, BSUID]) == ()


def test_a_start_restores_what_was_stopped_and_nothing_else(business: Business) -> None:
    opt_in(business, PHONE, BSUID, scope="marketing", at=NOW - timedelta(days=1))
    say("Stop promotions")

    reply = say("START", minutes=1)

    assert reply == optout.Reply(words.LANGUAGES["en"].started, "en")
    assert statuses() == statuses(BSUID) == {"marketing": "opted_in"}


def test_a_start_from_somebody_who_never_left_is_an_ordinary_message(business: Business) -> None:
    assert say("start") is None
    assert not ConsentEvent.objects.exists()


def test_a_stop_that_is_older_than_a_new_consent_is_kept_and_not_answered(
    business: Business,
) -> None:
    opt_in(business, PHONE, BSUID, at=NOW)

    assert say("STOP", minutes=-60) is None
    assert statuses()["marketing"] == "opted_in"
    assert ConsentEvent.objects.filter(status=ConsentStatus.OPTED_OUT).count() == 8


def test_the_answer_is_in_the_language_of_the_person_or_of_the_word(business: Business) -> None:
    def language_of(text: str, preferred: str, address: str) -> str:
        reply = say(text, language=preferred, addresses=[address])
        assert reply
        return reply.language

    assert language_of("STOP", "pt_BR", "+551") == "pt"
    assert language_of("STOP", "xx", "+552") == "en"
    assert language_of("BAJA", "pt_BR", "+553") == "es"
    assert language_of("cancelar", "pt-BR", "+554") == "pt"
    assert language_of("СТОП", "uk", "+555") == "uk"
    assert language_of("СТОП", "en", "+556") == "ru"


def test_two_programs_that_answer_each_other_fall_silent(business: Business) -> None:
    opt_in(business, PHONE, BSUID, at=NOW - timedelta(days=1))
    said = ["STOP", "START"] * 6

    answers = [say(text, minutes=minute) for minute, text in enumerate(said)]

    assert [bool(one) for one in answers] == [True] * 4 + [False] * 8
    assert set(statuses().values()) == {"opted_in"}


def test_no_answer_of_ours_means_anything_to_a_switchboard(business: Business) -> None:
    for said in words.LANGUAGES.values():
        for answer in (said.stopped, said.unmarketed, said.started):
            assert optout.classify(answer) is None


def test_a_business_may_leave_out_the_answers(business: Business) -> None:
    policy.change(by=None, confirms=False)

    assert say("STOP") is None
    assert set(statuses().values()) == {"opted_out"}


def test_the_words_of_the_business_are_heard(business: Business) -> None:
    OptOutWord(business=business, word="Weg damit", effect="stop").save()

    assert say("weg damit", language="de") == optout.Reply(words.LANGUAGES["de"].stopped, "de")
    assert say("hello") is None


def test_marketing_can_be_stopped_and_resumed_in_whatsapp_itself(business: Business) -> None:
    at: dict[str, Any] = {"addresses": [PHONE], "source": "meta", "now": NOW}
    optout.stop_marketing(occurred_at=NOW - timedelta(hours=2), **at)

    stopped = consent.check(addresses=[PHONE], scope=Scope.MARKETING)
    optout.resume_marketing(occurred_at=NOW - timedelta(hours=1), **at)

    assert stopped == consent.Refused("opted_out")
    assert consent.check(addresses=[PHONE], scope=Scope.MARKETING) == consent.Allowed()
    assert set(statuses()) == {"marketing"}


@pytest.mark.parametrize("objected_at", [[PHONE], [PHONE, BSUID]])
def test_marketing_resumed_in_whatsapp_lifts_no_objection_somebody_recorded(
    business: Business, objected_at: list[str]
) -> None:
    at: dict[str, Any] = {"addresses": [PHONE, BSUID], "source": "meta", "now": NOW}
    opt_in(business, PHONE, BSUID, at=NOW - timedelta(days=2))
    opt_out(business, *objected_at, at=NOW - timedelta(days=1))
    optout.stop_marketing(occurred_at=NOW - timedelta(hours=2), **at)

    assert optout.resume_marketing(occurred_at=NOW - timedelta(hours=1), **at) == []
    assert refusal([PHONE, BSUID]) == consent.Refused("opted_out")


@pytest.mark.django_db(transaction=True)
def test_two_stops_at_once_are_answered_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    from accounts import tenancy
    from tests.factories.accounts import BusinessFactory

    owner = BusinessFactory.create()

    def stop(minute: int) -> optout.Reply | None:
        try:
            with tenancy.scope(owner):
                return say("STOP", minutes=minute)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(stop, range(4)))

    assert len([reply for reply in replies if reply]) == 1
