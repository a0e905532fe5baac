"""The corpus of phrases, and thousands of ordinary messages, through the classifier."""

# ruff: noqa: RUF001  # words in their own scripts

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from compliance import optout, words
from compliance.models import Scope

CORPUS: Final = Path(__file__).with_name("phrases.txt")
_HEADING: Final = re.compile(r"\[(\w\w) (stop|offers|start|ordinary)\]")


class Phrase(NamedTuple):
    language: str
    meaning: str
    text: str


def corpus() -> list[Phrase]:
    """Read the file of phrases."""
    found, language, meaning = [], "", ""
    for line in CORPUS.read_text("utf-8").splitlines():
        if heading := _HEADING.fullmatch(line.strip()):
            language, meaning = heading[1], heading[2]
        elif line.strip() and not line.startswith("#"):
            found.append(Phrase(language, meaning, line))
    return found


def meaning_of(text: str) -> str:
    found = optout._meaning(text, {})
    if found is None:
        return "ordinary"
    if found.effect == optout.STOP and found.scopes == (Scope.MARKETING,):
        return "offers"
    return found.effect


def test_every_phrase_of_the_corpus_is_understood() -> None:
    wrong = {
        phrase: heard for phrase in corpus() if (heard := meaning_of(phrase.text)) != phrase.meaning
    }

    assert wrong == {}


def test_the_corpus_is_as_wide_as_it_claims() -> None:
    phrases = corpus()
    languages = {phrase.language for phrase in phrases}

    assert len({phrase.text for phrase in phrases}) >= 500
    assert len(languages) >= 12
    assert languages == set(words.LANGUAGES)
    for language in languages:
        meanings = {phrase.meaning for phrase in phrases if phrase.language == language}
        assert meanings == {"stop", "offers", "start", "ordinary"}, language


@pytest.mark.parametrize(
    "wrap",
    [
        "  {}  ",
        "{}!!!",
        "{}.",
        "¡{}!",
        "«{}»",
        "🙏 {} 🙏🏽",
        "\u200f{}\u200e",
        "*{}*",
        "{}\n\n",
        "... {} ...",
    ],
)
def test_what_stands_around_a_phrase_changes_nothing(wrap: str) -> None:
    meant = [phrase for phrase in corpus() if phrase.meaning != "ordinary"]

    wrong = [one for one in meant if meaning_of(wrap.format(one.text)) != one.meaning]

    assert wrong == []


def test_capitals_and_small_letters_mean_the_same() -> None:
    meant = [phrase for phrase in corpus() if phrase.meaning != "ordinary"]

    wrong = [
        one
        for one in meant
        for text in (one.text.upper(), one.text.lower(), one.text.title())
        if meaning_of(text) != one.meaning
    ]

    assert wrong == []


# Words of everyday messages. Those that stop or start are among them: in a sentence they do not.
_VOCABULARY: Final = {
    "en": "the a my your order shop tomorrow stop by please cancel bus price when is it can you "
    "start sale end of month deliver blue size thanks where open how much two kilos remove onion",
    "es": "el la mi pedido tienda mañana baja precio para cuándo alto parar cita cancelar hola "
    "cuánto cuesta dos talla azul gracias abren lunes salir alta envío calle",
    "pt": "o meu pedido loja amanhã sair parar quando preço cancelar consulta oi quanto custa dois "
    "tamanho azul obrigado abre segunda voltar entrega rua",
    "fr": "le ma commande magasin demain arrêt bus prix quand annuler rendez-vous bonjour combien "
    "coûte deux taille bleu merci ouvre lundi reprendre livraison rue",
    "de": "die meine Bestellung Laden morgen Haltestelle Preis wann beenden Termin hallo wie viel "
    "kostet zwei Größe blau danke offen Montag anmelden Lieferung Straße",
    "it": "il mio ordine negozio domani ferma prezzo quando annulla appuntamento ciao quanto costa "
    "due taglia blu grazie apre lunedì riprendi consegna via basta",
    "tr": "siparişim mağaza yarın durak fiyat ne zaman iptal randevu merhaba kaç para iki beden "
    "mavi teşekkürler açık pazartesi başla teslimat sokak dur",
    "ru": "мой заказ магазин завтра остановка цена когда отмена запись привет сколько стоит два "
    "размер синий спасибо открыты понедельник начать доставка улица стоп",
    "ar": "طلبي المتجر غدا موقف السعر متى إلغاء موعد مرحبا كم اثنان مقاس أزرق شكرا مفتوح الاثنين "
    "ابدأ توصيل شارع توقف",
    "hi": "मेरा ऑर्डर दुकान कल बस कीमत कब बंद समय नमस्ते कितना दो साइज नीला धन्यवाद खुला सोमवार शुरू "
    "डिलीवरी सड़क रोकें",
    "id": "pesanan toko besok berhenti harga kapan batal janji halo berapa dua ukuran biru terima "
    "kasih buka senin mulai pengiriman jalan keluar",
    "pl": "moje zamówienie sklep jutro przystanek cena kiedy anuluj wizyta cześć ile kosztuje dwa "
    "rozmiar niebieski dziękuję otwarte poniedziałek dostawa ulica",
}
# Sentences have a word that stands in no phrase that means something.
_SUBJECTS: Final = ("4711", "Ana", "IKEA", "12:30", "iPhone", "20 €", "Madrid", "№7", "XL")


def ordinary(rng: random.Random) -> str:
    """Make up a message about something: two to twelve words, one of them a subject."""
    known = _VOCABULARY[rng.choice(sorted(_VOCABULARY))].split()
    said = [rng.choice(known) for _ in range(rng.randint(1, 11))]
    said.insert(rng.randint(0, len(said)), rng.choice(_SUBJECTS))
    text = " ".join(said)
    ends = ("", "", "?", "!", "...", " 👍", " 🙏", "\n")
    return rng.choice((text, text.capitalize(), text.upper())) + rng.choice(ends)


def test_ten_thousand_ordinary_messages_stop_and_start_nothing() -> None:
    rng = random.Random(20261120)
    messages = [ordinary(rng) for _ in range(10_000)]

    assert len(set(messages)) > 9_900
    assert [text for text in messages if optout.classify(text) is not None] == []


def test_ten_thousand_random_texts_stop_and_start_nothing() -> None:
    rng = random.Random(7)
    blocks = [(0x20, 0x7E), (0xC0, 0x24F), (0x400, 0x4FF), (0x620, 0x64A), (0x905, 0x939)]
    wide = [(0x4E00, 0x9FFF), (0x3041, 0x30FF), (0xAC00, 0xD7A3), (0x1F300, 0x1F64F)]

    def text() -> str:
        first, last = rng.choice([*blocks, *wide])
        return "".join(chr(rng.randint(first, last)) for _ in range(rng.randint(6, 80)))

    assert [one for one in (text() for _ in range(10_000)) if optout.classify(one)] == []


def test_an_ordinary_phrase_said_to_two_numbers_is_ordinary() -> None:
    plain = [phrase.text for phrase in corpus() if phrase.meaning == "ordinary"]

    joined = [f"{one} {other}" for one, other in pairwise(plain)]

    assert [text for text in joined if optout.classify(text) == optout.STOP] == []
