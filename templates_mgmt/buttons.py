"""Check the buttons of a template or of a carousel's card. Pure.

Limits: Meta's template component pages, 2025 and 2026.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from templates_mgmt.definition import Finding, objects
from templates_mgmt.wording import is_text

MAX_BUTTONS: Final = 10
MAX_LABEL: Final = 25
MAX_URL: Final = 2000
MAX_PHONE: Final = 20
MAX_COUPON: Final = 15
MAX_PACKAGE: Final = 224
SIGNATURE_HASH_LENGTH: Final = 11

# How many of a type a template may have; types not listed: one.
_MOST: Final = {"QUICK_REPLY": 10, "URL": 2}
# Meta writes the label of these itself.
_FIXED_LABEL: Final = frozenset(
    {"COPY_CODE", "OTP", "CATALOG", "MPM", "SPM", "ORDER_DETAILS", "REQUEST_CONTACT_INFO"}
)
_OTHERS: Final = frozenset({"QUICK_REPLY", "VOICE_CALL", "APP"})

Json = Mapping[str, Any]


def check_buttons(path: str, part: Json, *, most: int = MAX_BUTTONS) -> Iterator[Finding]:
    """Yield what is wrong with a BUTTONS component at this path."""
    rows = list(objects(part.get("buttons")))
    kinds = [str(row.get("type")).upper() for row in rows]
    if not 1 <= len(rows) <= most:
        detail = f"{len(rows)} buttons; Meta allows 1 to {most}."
        yield Finding(f"{path}.buttons", "count", detail, "Remove buttons.")
    yield from _counts(path, kinds)
    yield from _grouping(path, kinds)
    yield from _labels(path, rows)
    for index, (row, kind) in enumerate(zip(rows, kinds, strict=True)):
        yield from _button(f"{path}.buttons.{index}", row, kind)


def _counts(path: str, kinds: list[str]) -> Iterator[Finding]:
    for kind, count in Counter(kinds).items():
        most = _MOST.get(kind, 1)
        if count > most:
            detail = f"{count} buttons of type {kind}; Meta allows {most}."
            yield Finding(f"{path}.buttons", "count", detail, "Remove buttons.")


def _grouping(path: str, kinds: list[str]) -> Iterator[Finding]:
    runs = 0
    before = ""
    for kind in kinds:
        runs += kind == "QUICK_REPLY" and before != "QUICK_REPLY"
        before = kind
    if runs > 1:
        yield Finding(
            f"{path}.buttons",
            "grouping",
            "Quick replies must stand together.",
            "Put all quick replies first or last.",
        )


def _labels(path: str, rows: Sequence[Json]) -> Iterator[Finding]:
    labels = [text for row in rows if is_text(text := row.get("text"))]
    if len(set(labels)) != len(labels):
        yield Finding(f"{path}.buttons", "unique", "Two buttons have the same label.")


def _button(path: str, row: Json, kind: str) -> Iterator[Finding]:
    if kind not in _CHECKS and kind not in _FIXED_LABEL and kind not in _OTHERS:
        yield Finding(f"{path}.type", "unknown_type", "Meta has no such button.")
        return
    if kind not in _FIXED_LABEL or row.get("text"):
        yield from _label(path, row.get("text"))
    check = _CHECKS.get(kind)
    if check is not None:
        yield from check(path, row)


def _label(path: str, text: Any) -> Iterator[Finding]:
    if not is_text(text):
        yield Finding(f"{path}.text", "required", "The button needs a label.")
        return
    if len(text) > MAX_LABEL:
        detail = f"{len(text)} characters; Meta allows {MAX_LABEL}."
        yield Finding(f"{path}.text", "too_long", detail, "Shorten the label.")
    if "{{" in text or "\n" in text:
        yield Finding(f"{path}.text", "plain", "A label has no variables or line breaks.")


def _url(path: str, row: Json) -> Iterator[Finding]:
    url = row.get("url")
    if not is_text(url) or not url.startswith(("https://", "http://")):
        yield Finding(f"{path}.url", "url", "This must start with https:// or http://.")
        return
    if len(url) > MAX_URL:
        yield Finding(f"{path}.url", "too_long", f"Meta allows {MAX_URL} characters.")
    if "wa.me/" in url:
        yield Finding(f"{path}.url", "url", "Meta refuses links to WhatsApp itself.")
    if "{{" not in url:
        return
    if not re.fullmatch(r"[^{}]+\{\{\s*\w+\s*\}\}", url):
        yield Finding(
            f"{path}.url",
            "variables",
            "An address may hold one variable, at its end.",
            "Write it like https://example.com/{{1}}.",
        )
    if not row.get("example"):
        yield Finding(f"{path}.example", "example", "Meta's review needs an example address.")


def _phone(path: str, row: Json) -> Iterator[Finding]:
    phone = row.get("phone_number")
    if not is_text(phone) or len(phone) > MAX_PHONE:
        detail = f"Give a phone number of up to {MAX_PHONE} characters."
        yield Finding(f"{path}.phone_number", "required", detail)


def _coupon(path: str, row: Json) -> Iterator[Finding]:
    example = row.get("example")
    example = example[0] if isinstance(example, list) and example else example
    if not is_text(example) or len(example) > MAX_COUPON:
        detail = f"Give an example code of up to {MAX_COUPON} characters."
        yield Finding(f"{path}.example", "example", detail)


def _flow(path: str, row: Json) -> Iterator[Finding]:
    if not any(row.get(key) for key in ("flow_id", "flow_name", "flow_json")):
        detail = "Name the flow by flow_id, flow_name or flow_json."
        yield Finding(f"{path}.flow_id", "required", detail)


def _otp(path: str, row: Json) -> Iterator[Finding]:
    kind = str(row.get("otp_type")).upper()
    if kind not in ("COPY_CODE", "ONE_TAP", "ZERO_TAP"):
        yield Finding(
            f"{path}.otp_type", "choice", "The types are COPY_CODE, ONE_TAP and ZERO_TAP."
        )
    autofill = row.get("autofill_text")
    if isinstance(autofill, str) and len(autofill) > MAX_LABEL:
        yield Finding(f"{path}.autofill_text", "too_long", f"Meta allows {MAX_LABEL} characters.")
    if kind in ("ONE_TAP", "ZERO_TAP"):
        yield from _apps(path, row)
    if kind == "ZERO_TAP" and row.get("zero_tap_terms_accepted") is not True:
        detail = "Zero-tap needs Meta's terms accepted."
        yield Finding(f"{path}.zero_tap_terms_accepted", "required", detail)


def _apps(path: str, row: Json) -> Iterator[Finding]:
    apps = list(objects(row.get("supported_apps")))
    if not apps:
        yield Finding(f"{path}.supported_apps", "required", "Name at least one Android app.")
    for index, app in enumerate(apps):
        at = f"{path}.supported_apps.{index}"
        package, signature = app.get("package_name"), app.get("signature_hash")
        if not is_text(package) or len(package) > MAX_PACKAGE or "." not in package:
            yield Finding(f"{at}.package_name", "required", "Give the app's package name.")
        if not is_text(signature) or len(signature) != SIGNATURE_HASH_LENGTH:
            detail = f"A signature hash has {SIGNATURE_HASH_LENGTH} characters."
            yield Finding(f"{at}.signature_hash", "length", detail)


_CHECKS: Final[dict[str, Callable[[str, Json], Iterator[Finding]]]] = {
    "URL": _url,
    "PHONE_NUMBER": _phone,
    "COPY_CODE": _coupon,
    "FLOW": _flow,
    "OTP": _otp,
}
