"""What Meta checks before it takes a template for review."""

import re
from typing import Any

from config.dev.sandbox.errors import Json, MetaError
from config.dev.sandbox.world import find_component, placeholders

NAME = re.compile(r"[a-z0-9_]{1,512}")
NAMED = re.compile(r"[a-z][a-z0-9_]*")
CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
KINDS = ("HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER")
HEADERS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "GIF", "LOCATION", "PRODUCT")
_LANGUAGE_CODES = (
    "af sq ar ar_EG ar_AE ar_LB ar_MA ar_QA ar_SA az be_BY bn bn_IN bg ca zh_CN zh_HK zh_TW hr cs "
    "da prs_AF nl nl_BE en en_GB en_US en_AE en_AU en_CA en_GH en_IE en_IN en_JM en_MY en_NZ en_QA "
    "en_SG en_UG en_ZA et fil fi fr fr_BE fr_CA fr_CH fr_CI fr_MA ka de de_AT de_CH el gu ha he hi "
    "hu id ga it ja kn kk rw_RW ko ky_KG lo lv lt mk ms ml mr nb ps_AF fa pl pt_BR pt_PT pa ro ru "
    "sr si_LK sk sl es es_AR es_CL es_CO es_CR es_DO es_EC es_HN es_MX es_PA es_PE es_ES es_UY sw "
    "sv ta te th tr uk ur uz vi zu"
)
LANGUAGES = frozenset(_LANGUAGE_CODES.split())
BUTTON_LIMITS = {
    "QUICK_REPLY": 10,
    "URL": 2,
    "PHONE_NUMBER": 1,
    "COPY_CODE": 1,
    "OTP": 1,
    "FLOW": 1,
    "CATALOG": 1,
    "MPM": 1,
    "SPM": 1,
    "ORDER_DETAILS": 1,
    "VOICE_CALL": 1,
    "APP": 1,
    "REQUEST_CONTACT_INFO": 1,
}
MAX_BUTTONS = 10


def _refuse(details: str, subcode: int | None = None) -> MetaError:
    return MetaError(100, details, subcode=subcode)


def check(spec: Json) -> None:
    """Raise error 100, with a subcode where Meta has one, for a template it would not take."""
    if not NAME.fullmatch(str(spec.get("name", ""))):
        raise _refuse("name must be 1 to 512 lower-case letters, digits and underscores")
    if spec.get("language") not in LANGUAGES:
        raise _refuse("language is not one Meta knows")
    if str(spec.get("category", "")).upper() not in CATEGORIES:
        raise _refuse("category must be one of MARKETING, UTILITY, AUTHENTICATION")
    named = str(spec.get("parameter_format", "POSITIONAL")).upper()
    if named not in ("POSITIONAL", "NAMED"):
        raise _refuse("parameter_format must be positional or named")
    components = spec.get("components")
    if not isinstance(components, list) or not all(isinstance(c, dict) for c in components):
        raise _refuse("components is required")
    for component in components:
        if str(component.get("type", "")).upper() not in KINDS:
            raise _refuse(f"components: unknown type {component.get('type')}")
    authentication = str(spec["category"]).upper() == "AUTHENTICATION"
    _check_header(find_component(components, "HEADER"), named == "NAMED")
    _check_body(find_component(components, "BODY"), named == "NAMED", authentication)
    _check_footer(find_component(components, "FOOTER"), authentication)
    _check_buttons(find_component(components, "BUTTONS"))


def _check_variables(where: str, text: str, named: bool, subcode: int) -> tuple[str, ...]:
    if re.search(r"\{\{[^}]*[#$%][^}]*\}\}", text) or text.count("{{") != text.count("}}"):
        raise _refuse(f"{where}: malformed placeholder", subcode)
    names = placeholders(text)
    if named and not all(NAMED.fullmatch(name) for name in names):
        raise _refuse(f"{where}: names are lower-case letters, digits and underscores", subcode)
    if not named and sorted(names) != sorted(str(n + 1) for n in range(len(names))):
        raise _refuse(f"{where}: variables must be numbered from 1 without gaps", subcode)
    return names


def _check_header(header: Json | None, named: bool) -> None:
    if header is None:
        return
    kind = str(header.get("format", "")).upper()
    if kind not in HEADERS:
        raise _refuse("header: unknown format", 2388047)
    example: Any = header.get("example") or {}
    if kind != "TEXT":
        if kind in ("IMAGE", "VIDEO", "DOCUMENT", "GIF") and not example.get("header_handle"):
            raise _refuse("header: a sample is required (header_handle)", 2388047)
        return
    text = str(header.get("text", ""))
    if not 1 <= len(text) <= 60:
        raise _refuse("header: 1 to 60 characters", 2388047)
    names = _check_variables("header", text, named, 2388047)
    if len(names) > 1:
        raise _refuse("header: at most one variable", 2388047)
    if names and not (example.get("header_text") or example.get("header_text_named_params")):
        raise _refuse("header: an example is required for the variable", 2388047)


def _check_body(body: Json | None, named: bool, authentication: bool) -> None:
    if body is None:
        raise _refuse("a BODY component is required", 2388072)
    if authentication and not body.get("text"):
        return
    text = str(body.get("text", ""))
    if not 1 <= len(text) <= 1024:
        raise _refuse("body: 1 to 1024 characters", 2388040)
    names = _check_variables("body", text, named, 2388072)
    if not names or authentication:
        return
    if re.match(r"\s*\{\{", text) or re.search(r"\}\}\s*$", text):
        raise _refuse("body: variables cannot be at the start or end", 2388299)
    if re.search(r"\}\}\s*\{\{", text):
        raise _refuse("body: put text between variables", 2388072)
    if len(text.split()) < 2 * len(names) + 1:
        raise _refuse("body: too many variables for its length", 2388293)
    example: Any = body.get("example") or {}
    given = example.get("body_text_named_params") if named else example.get("body_text")
    if not named and isinstance(given, list) and given and isinstance(given[0], list):
        given = given[0]
    if not isinstance(given, list) or len(given) != len(names):
        raise _refuse("body: an example is required for each variable", 2388072)


def _check_footer(footer: Json | None, authentication: bool) -> None:
    if footer is None:
        return
    text = str(footer.get("text", ""))
    if authentication and not text:
        minutes = footer.get("code_expiration_minutes")
        if not isinstance(minutes, int) or not 1 <= minutes <= 90:
            raise _refuse("footer: code_expiration_minutes is 1 to 90", 2388073)
        return
    if not 1 <= len(text) <= 60 or "{{" in text:
        raise _refuse("footer: 1 to 60 characters without variables", 2388073)


def _check_buttons(component: Json | None) -> None:
    if component is None:
        return
    buttons = component.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= MAX_BUTTONS:
        raise _refuse("buttons: 1 to 10 buttons")
    kinds = [str(button.get("type", "")).upper() for button in buttons]
    for kind, limit in BUTTON_LIMITS.items():
        if kinds.count(kind) > limit:
            raise _refuse(f"buttons: at most {limit} of type {kind}")
    replies = [at for at, kind in enumerate(kinds) if kind == "QUICK_REPLY"]
    if replies and replies[-1] - replies[0] + 1 != len(replies):
        raise _refuse("buttons: quick replies must stand together")
    for kind, button in zip(kinds, buttons, strict=True):
        _check_button(kind, button)


def _check_button(kind: str, button: Json) -> None:
    if kind not in BUTTON_LIMITS:
        raise _refuse(f"buttons: unknown type {kind}")
    text = str(button.get("text", ""))
    if kind in ("QUICK_REPLY", "URL", "PHONE_NUMBER", "FLOW") and not 1 <= len(text) <= 25:
        raise _refuse("buttons: the text has 1 to 25 characters")
    if kind == "PHONE_NUMBER" and not 1 <= len(str(button.get("phone_number", ""))) <= 20:
        raise _refuse("buttons: phone_number has 1 to 20 characters")
    if kind == "COPY_CODE" and not button.get("example"):
        raise _refuse("buttons: an example is required")
    if kind == "URL":
        url = str(button.get("url", ""))
        if not url.startswith(("http://", "https://")) or len(url) > 2000:
            raise _refuse("buttons: url is a http or https address of at most 2000 characters")
        if "{{" in url and (not url.endswith("{{1}}") or not button.get("example")):
            raise _refuse("buttons: one {{1}} at the end of the url, with an example")


def as_stored(spec: Json) -> None:
    """Write the texts Meta writes itself into an authentication template."""
    if str(spec["category"]).upper() != "AUTHENTICATION":
        return
    for component in spec["components"]:
        kind = str(component.get("type", "")).upper()
        if kind == "BODY":
            advice = " For your security, do not share this code."
            secure = advice if component.get("add_security_recommendation") else ""
            component.setdefault("text", f"*{{{{1}}}}* is your verification code.{secure}")
            component.setdefault("example", {"body_text": [["123456"]]})
        elif kind == "FOOTER" and "code_expiration_minutes" in component:
            minutes = component["code_expiration_minutes"]
            component.setdefault("text", f"This code expires in {minutes} minutes.")
        elif kind == "BUTTONS":
            component["buttons"] = [_otp_as_url(b) for b in component["buttons"]]


def _otp_as_url(button: Json) -> Json:
    """Return the button as the API shows it: created as OTP, read back as URL."""
    if str(button.get("type", "")).upper() != "OTP":
        return button
    kind = button.get("otp_type", "COPY_CODE")
    url = f"https://www.whatsapp.com/otp/code/?otp_type={kind}&code=otp{{{{1}}}}"
    return {
        "type": "URL",
        "text": button.get("text", "Copy code"),
        "url": url,
        "example": [url.replace("{{1}}", "123456")],
    }
