"""Words files use for columns, for yes and no, and for languages, in the languages we meet."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Headers as `columns` compares them: letters and digits only, lower case, no accents.
COLUMNS: Final[dict[str, frozenset[str]]] = {
    "phone": _words(
        """phone phonenumber mobile mobilephone mobilenumber cell cellphone cellular whatsapp
        whatsappnumber whatsappphone wa waid tel telephone telephonenumber number msisdn phone1
        telefono numerotelefono numerodetelefono movil celular numerocelular numerowhatsapp
        telefonomovil telefone numerodetelefone celularwhatsapp telemovel fone telephoneportable
        numerodetelephone portable numero mobil mobilnummer handy handynummer telefon
        telefonnummer rufnummer telefonszam telefonnumber numertelefonu komorka cellulare
        numeroditelefono telefoonnummer mobielnummer gsm nohp nomorhp nomorwhatsapp
        телефон номертелефона мобильныи هاتف رقمالهاتف جوال फोन मोबाइल
        電話 電話番号 携帯 携帯電話 电话 手机 手机号 手机号码 전화번호 휴대폰"""
    ),
    "bsuid": _words("bsuid userid metauserid whatsappuserid businessscopeduserid usuariometa"),
    "name": _words(
        """name fullname contact contactname customer customername client recipient nombre
        nombrecompleto nombreyapellidos cliente contacto nome nomecompleto contato nomcomplet
        kunde kundenname vollstandigername nominativo naam nama namalengkap isim adsoyad
        имя фио الاسم नाम 氏名 名前 お名前 姓名 名字 이름"""
    ),
    "first_name": _words(
        """firstname givenname forename nombredepila primeironome prenom vorname voornaam"""
    ),
    "last_name": _words(
        """lastname surname familyname apellido apellidos sobrenome nomdefamille nachname
        familienname cognome achternaam"""
    ),
    "language": _words(
        """language lang locale idioma lengua langue sprache lingua taal bahasa dil
        язык اللغة भाषा 言語 语言 언어"""
    ),
    "tags": _words(
        """tag tags label labels segment segments group groups etiqueta etiquetas grupo grupos
        marcador marcadores etiquette etiquettes gruppe gruppen etichetta категория タグ 标签"""
    ),
    "consent": _words(
        """consent optin optedin optinstatus consentstatus consentgiven subscribed subscription
        marketingconsent whatsappoptin whatsappconsent permission gdpr gdprconsent
        acceptsmarketing consentimiento consiente acepta aceptapublicidad autoriza suscrito rgpd
        lopd consentimento autorizacao aceita lgpd consentement abonne accord einwilligung
        zustimmung dsgvo consenso toestemming согласие الموافقة सहमति 同意 同意状況 동의"""
    ),
    "consent_at": _words(
        """consentat consentdate dateofconsent optindate optinat optedinat consentedat
        subscribedat consenttime consenttimestamp fechaconsentimiento fechadeconsentimiento
        dataconsentimento datadoconsentimento dateconsentement dateduconsentement
        einwilligungam einwilligungsdatum datumeinwilligung dataconsenso 同意日"""
    ),
    "consent_scope": _words(
        """consentscope scope purpose consentpurpose consenttype finalidad finalidade finalite
        zweck"""
    ),
    "consent_wording": _words(
        """consentwording wording consenttext textoconsentimiento textodeconsentimiento"""
    ),
}

# Parts of a header that make it the better of two phone columns.
MOBILE: Final = ("whatsapp", "mobile", "movil", "celular", "cell", "handy", "mobil")

# Cells as `values` compares them: letters, digits and check marks, lower case, no accents.
YES: Final = _words(
    """yes y true t 1 x ok okay on in given granted accepted agreed consented confirmed active
    optin optedin opted subscribed subscriber si s acepta acepto aceptado concedido consentido
    suscrito sim aceita aceito aceitou inscrito oui o accepte accord abonne ja j einverstanden
    zugestimmt erteilt akzeptiert accettato tak evet ya setuju
    да согласен نعم हाँ हां はい 有 同意 同意する 是 예 네 동의 ✓ ✔ ☑ ✅"""
)
NO: Final = _words(
    """no n false f 0 off out withdrawn withdrew revoked refused declined denied optout optedout
    unsubscribed unsubscribe stop stopped removed cancelled canceled baja retirado revocado
    rechazado rechaza cancelado nao removido recusado revogado descadastrado sair non refuse
    retire revoque desabonne desinscrit nein widerrufen abgelehnt abgemeldet widerruf hayir tidak
    batal нет отказ отписан لا नहीं いいえ 不同意 同意しない 拒否 否 아니요 거부 ✗ ✘ ❌"""
)

LANGUAGES: Final[dict[str, frozenset[str]]] = {
    "ar": _words("arabic العربية"),
    "ca": _words("catalan catala"),
    "de": _words("german deutsch aleman allemand tedesco"),
    "en": _words("english ingles anglais englisch inglese"),
    "es": _words("spanish espanol castellano spanisch espagnol"),
    "fr": _words("french francais frances franzosisch"),
    "he": _words("hebrew"),
    "hi": _words("hindi हिन्दी हिंदी"),
    "id": _words("indonesian bahasaindonesia"),
    "it": _words("italian italiano italienisch"),
    "ja": _words("japanese 日本語"),
    "ko": _words("korean 한국어"),
    "nl": _words("dutch nederlands"),
    "pl": _words("polish polski"),
    "pt_BR": _words("portuguese portugues portugiesisch"),
    "ru": _words("russian русскии"),
    "sv": _words("swedish svenska"),
    "tr": _words("turkish turkce"),
    "uk": _words("ukrainian українська"),
    "zh_CN": _words("chinese 中文"),
}
