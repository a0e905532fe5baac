"""The shipped words that end or resume messages, and the answers, by language.

Each word is a whole message. Sources: the keywords carriers and the US rules of 2025 oblige senders
to honour (stop, stopall, end, quit, cancel, unsubscribe, revoke, opt out), the words named by the
regulators or common in each country, and Meta's own button "Stop promotions". A word that people
also say in passing ("no", "yes") is not here; a business may add it for itself.
"""

# ruff: noqa: RUF001  # words in their own scripts

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Language:
    """What one language says.

    `stop` ends everything, `marketing` ends offers only, `start` resumes. `stopped`, `unmarketed`
    and `started` are the answers; each names a word that undoes it.
    """

    stop: tuple[str, ...]
    marketing: tuple[str, ...]
    start: tuple[str, ...]
    stopped: str
    unmarketed: str
    started: str
    courtesies: tuple[str, ...] = ()


DEFAULT: Final = "en"

LANGUAGES: Final[dict[str, Language]] = {
    "en": Language(
        stop=(
            "stop", "stopall", "stop all", "end", "quit", "cancel", "revoke", "unsubscribe",
            "unsubscribe me", "unsub", "opt out", "optout", "opt me out", "remove me",
            "take me off the list", "take me off your list", "remove me from your list",
            "remove me from the list", "stop messaging me", "stop texting me", "stop messages",
            "stop sending messages", "stop sending me messages", "do not contact me",
            "dont contact me", "do not message me", "dont message me", "no more messages",
            "i want to unsubscribe", "i want to opt out", "i want you to stop messaging me",
            "stop it", "stop this", "stop now", "stop contacting me",
        ),
        marketing=(
            "stop promotions", "stop promotion", "stop promos", "stop promotional messages",
            "stop marketing", "stop marketing messages", "stop offers", "stop ads",
            "no more promotions", "no more offers", "no promotions", "unsubscribe from promotions",
            "unsubscribe from marketing", "opt out of marketing", "opt out of promotions",
        ),
        start=("start", "unstop", "subscribe", "resubscribe", "resume", "opt in", "optin"),
        stopped="You will get no more messages from us. To receive them again, reply START.",
        unmarketed="You will get no more offers from us. To receive them again, reply START.",
        started="You will receive our messages again. To end them, reply STOP.",
        courtesies=(
            "please", "pls", "plz", "thanks", "thank you", "thank you very much", "many thanks",
            "thx", "ty", "hi", "hello", "hey", "ok", "okay", "sorry", "now", "immediately",
            "right now",
        ),
    ),
    "es": Language(
        stop=(
            "baja", "alto", "cancelar", "parar", "detener", "darme de baja",
            "dar de baja", "dame de baja", "denme de baja", "deme de baja", "quiero darme de baja",
            "cancelar suscripción", "cancelar la suscripción", "cancelar mi suscripción",
            "desuscribir", "desuscribirme", "desuscribirse", "eliminarme", "no más mensajes",
            "no enviar más mensajes", "no me envíen más mensajes", "no me escriban más",
            "no quiero más mensajes", "no quiero recibir más mensajes", "basta", "salir",
            "anular suscripción",
        ),
        marketing=(
            "detener promociones", "parar promociones", "no más promociones",
            "cancelar promociones", "detener ofertas", "no más ofertas", "baja promociones",
            "no quiero promociones", "no quiero más promociones", "dejar de recibir promociones",
        ),
        start=("alta", "iniciar", "empezar", "reanudar", "suscribir", "suscribirme", "reactivar"),
        stopped="No recibirá más mensajes nuestros. Para volver a recibirlos, responda ALTA.",
        unmarketed="No recibirá más ofertas nuestras. Para volver a recibirlas, responda ALTA.",
        started="Volverá a recibir nuestros mensajes. Para dejar de recibirlos, responda BAJA.",
        courtesies=(
            "por favor", "porfavor", "porfa", "gracias", "muchas gracias", "hola", "buenos días",
            "buenas tardes", "buenas", "ya",
        ),
    ),
    "pt": Language(
        stop=(
            "parar", "pare", "sair", "cancelar", "cancela", "cancelar inscrição", "descadastrar",
            "descadastre", "me descadastre", "remover", "me remova", "me remova da lista",
            "cancelar subscrição", "remover da lista", "não quero mais receber mensagens",
            "não quero mais mensagens", "não quero receber mensagens", "parem",
            "parar mensagens", "pare de me enviar mensagens", "desinscrever", "quero sair",
            "não me mande mais mensagens", "não enviar mais mensagens", "anular subscrição",
        ),
        marketing=(
            "parar promoções", "interromper promoções", "chega de promoções",
            "não quero promoções", "não quero mais promoções", "sem promoções",
            "cancelar promoções", "parar ofertas", "não quero ofertas",
            "parar de receber promoções",
        ),
        start=("começar", "iniciar", "voltar", "retomar", "inscrever", "quero receber", "reativar"),
        stopped="Você não receberá mais mensagens nossas. Para voltar a receber, responda VOLTAR.",
        unmarketed="Você não receberá mais ofertas nossas. Para voltar a receber, responda VOLTAR.",
        started="Você voltará a receber nossas mensagens. Para não receber mais, responda SAIR.",
        courtesies=(
            "por favor", "por gentileza", "pfv", "pf", "obrigado", "obrigada", "muito obrigado",
            "muito obrigada", "olá", "oi", "bom dia", "boa tarde", "valeu", "já",
        ),
    ),
    "fr": Language(
        stop=(
            "arrêt", "arrêter", "arrêtez", "arrête", "désabonner", "désabonnement",
            "me désabonner", "désinscrire", "me désinscrire", "désinscription", "désinscrivez moi",
            "se désabonner", "se désinscrire", "désabonnez moi", "annuler", "résilier",
            "stop sms", "plus de messages", "plus de message", "je veux me désabonner",
            "je veux me désinscrire", "ne plus recevoir de messages", "ne m'écrivez plus",
            "ne me contactez plus", "retirez moi de la liste", "arrêtez les messages",
        ),
        marketing=(
            "arrêter les promotions", "arrêter les promos", "stop promotions", "stop promos",
            "plus de promotions", "plus de promos", "stop pub", "plus de pub", "stop publicité",
            "plus d'offres", "ne plus recevoir de promotions", "interrompre les promotions",
        ),
        start=("reprendre", "commencer", "réabonner", "me réabonner", "s'abonner", "abonner"),
        stopped="Vous ne recevrez plus de messages de notre part. "
        "Pour les recevoir à nouveau, répondez REPRENDRE.",
        unmarketed="Vous ne recevrez plus d'offres de notre part. "
        "Pour les recevoir à nouveau, répondez REPRENDRE.",
        started="Vous recevrez à nouveau nos messages. Pour les arrêter, répondez STOP.",
        courtesies=(
            "s'il vous plaît", "s'il te plaît", "svp", "stp", "merci", "merci beaucoup",
            "merci d'avance", "bonjour", "bonsoir", "salut",
        ),
    ),
    "de": Language(
        stop=(
            "stopp", "abmelden", "abmeldung", "austragen", "abbestellen", "bitte abmelden",
            "kündigen", "beenden", "keine nachrichten mehr", "keine weiteren nachrichten",
            "abbrechen", "mich abmelden", "ich möchte mich abmelden", "ich will mich abmelden",
            "bitte keine nachrichten mehr", "nicht mehr schreiben", "schreiben sie mir nicht mehr",
            "aus dem verteiler nehmen", "von der liste streichen", "aufhören",
        ),
        marketing=(
            "werbung stoppen", "stopp werbung", "stop werbung", "keine werbung",
            "keine werbung mehr", "angebote stoppen", "keine angebote mehr",
            "werbung abbestellen", "aktionen stoppen", "werbeaktionen stoppen",
        ),
        start=("anmelden", "starten", "fortsetzen", "wieder anmelden", "weiter erhalten"),
        stopped="Sie erhalten keine Nachrichten mehr von uns. "
        "Um sie wieder zu erhalten, antworten Sie mit START.",
        unmarketed="Sie erhalten keine Angebote mehr von uns. "
        "Um sie wieder zu erhalten, antworten Sie mit START.",
        started="Sie erhalten unsere Nachrichten wieder. "
        "Um sie zu beenden, antworten Sie mit STOPP.",
        courtesies=(
            "bitte", "danke", "vielen dank", "danke schön", "dankeschön", "besten dank", "hallo",
            "guten tag", "sofort", "mfg", "mit freundlichen grüßen",
        ),
    ),
    "it": Language(
        stop=(
            "annulla", "annullare", "cancellami", "cancellati", "cancella iscrizione",
            "disiscrivi", "disiscrivimi", "disiscrivermi", "disiscrizione", "ferma", "fermare",
            "basta", "basta messaggi", "rimuovimi", "disdici", "disdire", "interrompi",
            "annulla iscrizione", "non voglio più messaggi", "non voglio ricevere messaggi",
            "non scrivetemi più", "cancellatemi", "toglietemi dalla lista", "stop messaggi",
        ),
        marketing=(
            "interrompi promozioni", "stop promozioni", "basta promozioni", "ferma promozioni",
            "niente promozioni", "stop offerte", "basta offerte", "basta pubblicità",
            "stop pubblicità", "interrompi le promozioni", "non voglio promozioni",
        ),
        start=("riprendi", "inizia", "iscrivimi", "iscriviti", "riattiva", "riprendere"),
        stopped="Non riceverai più nostri messaggi. Per riceverli di nuovo, rispondi RIPRENDI.",
        unmarketed="Non riceverai più nostre offerte. Per riceverle di nuovo, rispondi RIPRENDI.",
        started="Riceverai di nuovo i nostri messaggi. Per interromperli, rispondi STOP.",
        courtesies=(
            "per favore", "per piacere", "per cortesia", "grazie", "grazie mille", "ciao",
            "buongiorno", "buonasera", "subito",
        ),
    ),
    "nl": Language(
        stop=(
            "stoppen", "afmelden", "uitschrijven", "meld mij af", "schrijf mij uit", "opzeggen",
            "ik wil me afmelden", "geen berichten meer", "stop berichten", "annuleren",
            "stuur geen berichten meer",
        ),
        marketing=(
            "stop promoties", "stop reclame", "geen reclame meer", "geen reclame",
            "stop aanbiedingen", "geen aanbiedingen meer", "promoties stoppen",
        ),
        start=("aanmelden", "hervatten", "inschrijven"),
        stopped="U ontvangt geen berichten meer van ons. "
        "Antwoord AANMELDEN om ze weer te ontvangen.",
        unmarketed="U ontvangt geen aanbiedingen meer van ons. "
        "Antwoord AANMELDEN om ze weer te ontvangen.",
        started="U ontvangt onze berichten weer. Antwoord STOP om ze te beëindigen.",
        courtesies=("alstublieft", "alsjeblieft", "aub", "dank u", "dank je", "bedankt", "hoi"),
    ),
    "pl": Language(
        stop=(
            "wypisz", "wypisz mnie", "rezygnuję", "rezygnacja", "anuluj", "zatrzymaj",
            "nie chcę więcej wiadomości", "koniec wiadomości", "usuń mnie", "proszę nie pisać",
        ),
        marketing=(
            "stop promocje", "stop promocjom", "koniec promocji", "zatrzymaj promocje",
            "stop reklamom", "bez reklam", "nie chcę promocji", "nie chcę reklam",
        ),
        start=("wznów", "zapisz", "zapisz mnie"),
        stopped="Nie będziesz otrzymywać od nas wiadomości. Aby je przywrócić, odpisz WZNÓW.",
        unmarketed="Nie będziesz otrzymywać od nas ofert. Aby je przywrócić, odpisz WZNÓW.",
        started="Znów będziesz otrzymywać nasze wiadomości. Aby je zakończyć, odpisz STOP.",
        courtesies=("proszę", "dziękuję", "dzięki", "dzień dobry", "cześć"),
    ),
    "tr": Language(
        stop=(
            "dur", "durdur", "iptal", "iptal et", "ret", "çıkış", "çık", "abonelikten çık",
            "abonelikten ayrıl", "aboneliği iptal et", "listeden çıkar", "beni listeden çıkar",
            "mesaj istemiyorum", "artık mesaj istemiyorum", "mesaj atmayın", "son ver",
        ),
        marketing=(
            "promosyonları durdur", "kampanyaları durdur", "reklam istemiyorum",
            "reklamları durdur", "kampanya istemiyorum", "promosyon istemiyorum",
        ),
        start=("başla", "başlat", "devam et", "abone ol", "yeniden başlat"),
        stopped="Artık bizden mesaj almayacaksınız. Yeniden almak için BAŞLAT yazın.",
        unmarketed="Artık bizden kampanya mesajı almayacaksınız. Yeniden almak için BAŞLAT yazın.",
        started="Mesajlarımızı yeniden alacaksınız. Sona erdirmek için DUR yazın.",
        courtesies=("lütfen", "teşekkürler", "teşekkür ederim", "sağolun", "merhaba"),
    ),
    "ru": Language(
        stop=(
            "стоп", "отписаться", "отписка", "отпишите меня", "отпишите", "отписать", "отмена",
            "прекратить", "прекратите", "хватит", "не пишите мне", "не пишите мне больше",
            "больше не пишите", "удалите меня", "хочу отписаться", "стоп рассылка",
            "остановить рассылку", "отказ от рассылки", "отменить подписку",
        ),
        marketing=(
            "остановить рекламу", "стоп реклама", "без рекламы", "остановить акции",
            "не присылайте рекламу", "отказаться от рекламы", "отписаться от рекламы",
        ),
        start=("старт", "подписаться", "возобновить", "начать"),
        stopped="Вы больше не будете получать наши сообщения. Чтобы вернуть их, ответьте СТАРТ.",
        unmarketed="Вы больше не будете получать наши предложения. "
        "Чтобы вернуть их, ответьте СТАРТ.",
        started="Вы снова будете получать наши сообщения. Чтобы прекратить, ответьте СТОП.",
        courtesies=("пожалуйста", "плиз", "спасибо", "здравствуйте", "привет", "добрый день"),
    ),
    "uk": Language(
        stop=("стоп", "відписатися", "відпишіть мене", "відписка", "скасувати", "припинити"),
        marketing=("зупинити рекламу", "стоп реклама", "без реклами"),
        start=("старт", "підписатися", "відновити", "почати"),
        stopped="Ви більше не отримуватимете наших повідомлень. "
        "Щоб повернути їх, надішліть СТАРТ.",
        unmarketed="Ви більше не отримуватимете наших пропозицій. "
        "Щоб повернути їх, надішліть СТАРТ.",
        started="Ви знову отримуватимете наші повідомлення. Щоб припинити, надішліть СТОП.",
        courtesies=("будь ласка", "дякую", "добрий день", "привіт"),
    ),
    "ar": Language(
        stop=(
            "إيقاف", "ايقاف", "توقف", "توقفوا", "قف", "إلغاء", "الغاء", "إلغاء الاشتراك",
            "الغاء الاشتراك", "أوقف", "أوقف الرسائل", "إيقاف الرسائل", "لا أريد رسائل",
            "لا ترسل لي رسائل", "كفى", "ألغ الاشتراك", "أريد إلغاء الاشتراك",
        ),
        marketing=(
            "إيقاف العروض", "إيقاف العروض الترويجية", "أوقف العروض", "إيقاف الإعلانات",
            "لا أريد عروض", "لا أريد إعلانات", "وقف العروض",
        ),
        start=("ابدأ", "بدء", "اشترك", "اشتراك", "استئناف", "إعادة الاشتراك"),
        stopped="لن تصلك رسائل منا بعد الآن. لاستلامها من جديد أرسل: اشترك",
        unmarketed="لن تصلك عروض منا بعد الآن. لاستلامها من جديد أرسل: اشترك",
        started="ستصلك رسائلنا من جديد. لإيقافها أرسل: إيقاف",
        courtesies=("من فضلك", "لو سمحت", "رجاء", "الرجاء", "شكرا", "شكرا لك", "مرحبا"),
    ),
    "fa": Language(
        stop=(
            "لغو", "لغو اشتراک", "توقف", "قطع", "قطع پیام", "پیام نفرستید", "دیگر پیام نفرستید",
            "ارسال نکنید", "حذف", "حذف از لیست", "نمی خواهم پیام بگیرم",
        ),
        marketing=("تبلیغات نفرستید", "لغو تبلیغات", "بدون تبلیغات", "توقف تبلیغات"),
        start=("شروع", "عضویت", "شروع دوباره", "فعال"),
        stopped="دیگر پیامی از ما دریافت نمی‌کنید. برای دریافت دوباره بفرستید: شروع",
        unmarketed="دیگر پیشنهادی از ما دریافت نمی‌کنید. برای دریافت دوباره بفرستید: شروع",
        started="پیام‌های ما را دوباره دریافت می‌کنید. برای توقف بفرستید: لغو",
        courtesies=("لطفا", "ممنون", "مرسی", "متشکرم", "سلام"),
    ),
    "he": Language(
        stop=("הסר", "הסרה", "הסירו אותי", "עצור", "הפסק", "להסיר", "הפסיקו", "בטל"),
        marketing=("הפסק מבצעים", "בלי פרסומות", "הפסק פרסומות"),
        start=("התחל", "הצטרף", "חידוש"),
        stopped="לא תקבלו מאיתנו הודעות נוספות. כדי לקבל שוב, השיבו: התחל",
        unmarketed="לא תקבלו מאיתנו מבצעים נוספים. כדי לקבל שוב, השיבו: התחל",
        started="תקבלו שוב את ההודעות שלנו. כדי להפסיק, השיבו: הסר",
        courtesies=("בבקשה", "תודה", "תודה רבה", "שלום"),
    ),
    "hi": Language(
        stop=(
            "रोकें", "रोको", "रोक दो", "रोक दीजिए", "बंद करो", "बंद करें", "बन्द करो", "बन्द करें",
            "स्टॉप", "मैसेज बंद करो", "संदेश बंद करें", "सदस्यता समाप्त करें", "रद्द करें",
            "मत भेजो", "मैसेज मत भेजो", "band karo", "roko", "message band karo", "mat bhejo",
        ),
        marketing=("प्रचार बंद करें", "ऑफ़र बंद करें", "विज्ञापन बंद करें", "प्रमोशन बंद करें"),
        start=("शुरू", "शुरू करें", "शुरू करो", "चालू करें"),
        stopped="अब आपको हमारे संदेश नहीं मिलेंगे। फिर से पाने के लिए शुरू लिखें।",
        unmarketed="अब आपको हमारे ऑफ़र नहीं मिलेंगे। फिर से पाने के लिए शुरू लिखें।",
        started="अब आपको हमारे संदेश फिर से मिलेंगे। बंद करने के लिए रोकें लिखें।",
        courtesies=("कृपया", "प्लीज", "धन्यवाद", "शुक्रिया", "नमस्ते", "kripya", "dhanyavad"),
    ),
    "id": Language(
        stop=(
            "berhenti", "berhenti berlangganan", "hentikan", "batal", "batalkan", "keluar",
            "jangan kirim pesan lagi", "hapus saya", "stop pesan", "unreg",
        ),
        marketing=("stop promosi", "hentikan promosi", "stop promo", "tanpa promosi", "stop iklan"),
        start=("mulai", "lanjutkan", "langganan", "berlangganan"),
        stopped="Anda tidak akan menerima pesan kami lagi. Untuk menerimanya lagi, balas MULAI.",
        unmarketed="Anda tidak akan menerima promosi kami lagi. "
        "Untuk menerimanya lagi, balas MULAI.",
        started="Anda akan menerima pesan kami lagi. Untuk berhenti, balas BERHENTI.",
        courtesies=("tolong", "mohon", "terima kasih", "makasih", "halo"),
    ),
    "zh": Language(
        stop=(
            "停止", "退订", "退訂", "取消", "取消订阅", "取消訂閱", "停", "停止发送", "停止發送",
            "不要再发", "不要再發", "不要再发了", "不要再发消息", "别发了", "別發了", "拒收", "td",
            "请停止", "請停止", "请退订", "請退訂",
            "回复td", "停止接收",
        ),
        marketing=(
            "停止推广", "停止推廣", "停止促销", "停止促銷", "不要广告", "不要廣告", "拒绝广告",
            "停止广告", "停止廣告", "停止優惠", "停止优惠",
        ),
        start=("开始", "開始", "订阅", "訂閱", "恢复", "恢復"),
        stopped="您将不再收到我们的消息。如需恢复，请回复：恢复",
        unmarketed="您将不再收到我们的优惠信息。如需恢复，请回复：恢复",
        started="您将重新收到我们的消息。如需停止，请回复：停止",
        courtesies=("请", "請", "谢谢", "謝謝", "你好", "您好", "麻烦"),
    ),
    "ko": Language(
        stop=(
            "중지", "정지", "그만", "그만 보내세요", "그만 보내주세요", "수신거부", "수신 거부",
            "구독 취소", "구독취소", "구독 해지", "해지", "탈퇴", "차단", "문자 보내지 마세요",
            "보내지 마세요", "메시지 보내지 마세요", "스톱",
        ),
        marketing=("광고 거부", "광고 그만", "광고 중지", "프로모션 중지", "광고 수신거부"),
        start=("시작", "구독", "수신동의", "수신 동의", "다시 시작", "재개"),
        stopped="더 이상 메시지를 보내지 않습니다. 다시 받으시려면 다음과 같이 답장해 주세요: 시작",
        unmarketed="더 이상 광고를 보내지 않습니다. "
        "다시 받으시려면 다음과 같이 답장해 주세요: 시작",
        started="메시지를 다시 보내 드립니다. 중단하시려면 다음과 같이 답장해 주세요: 중지",
        courtesies=(
            "부탁드립니다", "부탁해요", "제발", "감사합니다", "고맙습니다", "안녕하세요", "좀",
        ),
    ),
    "ja": Language(
        stop=(
            "停止", "配信停止", "解除", "配信解除", "登録解除", "ストップ", "やめて",
            "やめてください",
            "退会", "中止", "キャンセル", "送らないで", "送らないでください", "停止してください",
            "配信停止してください",
        ),
        marketing=("プロモーション停止", "広告停止", "宣伝停止", "プロモーションを停止"),
        start=("開始", "再開", "スタート", "登録"),
        stopped="今後メッセージは届きません。再び受け取るには「再開」と返信してください。",
        unmarketed="今後お得な情報は届きません。再び受け取るには「再開」と返信してください。",
        started="メッセージの配信を再開します。停止するには「停止」と返信してください。",
        courtesies=("お願いします", "ありがとう", "ありがとうございます", "すみません"),
    ),
}  # fmt: skip
