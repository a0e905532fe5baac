"""Webhook requests as nobody would send them: Meta's samples bent, and plain rubbish."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from hypothesis import strategies as st

from messaging.meta import signature
from tests.messaging.webhook_events import PAYLOADS, names
from tests.messaging.webhook_server import APP_SECRET, VERIFY_TOKEN

SAMPLES: Final = [json.loads((PAYLOADS / f"{name}.json").read_text()) for name in names()]

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Request:
    """One request to the webhook as it goes over the wire."""

    method: str
    query: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    is_signed: bool


ODD_TEXT: Final = [
    "", " ", "\x00", "a\x00b", "\ud83d", "\udc00x", "\u202eevil", "e\u0301" * 40,
    "\ufeff", "\u2028",
    "\U0001f469\u200d", "\uff33\uff34\uff2f\uff30", "'; DROP TABLE messaging_message; --",
    "{{1}}", "%s%n", "\\u0000", "x" * 300, "y" * 70_000, "0" * 25, "1e400", "-1", "NaN", "+",
    "+34611000001" * 3, "ES." + "9" * 200, "00000000-0000-0000-0000-000000000000",
]  # fmt: skip
ODD_VALUES: Final[list[Any]] = [
    None, True, False, 0, -1, 2**31, 2**63 - 1, 2**63, 10**30, 1e308, float("inf"), float("nan"),
    [], {}, [[]], [None], [1, "a", {}], {"": ""}, {"id": {"id": {}}}, {"body": ["x"]},
]  # fmt: skip
ODD_TIMES: Final = [
    "0", "-5", "9999999999", "99999999999", "4102444799", "4102444800000", "253402300800",
    "1e10", "\uff11" * 10, 10**18, 1.5, "2026-11-20T12:00:00Z",
]  # fmt: skip
_WAYS: Final = ["odd", "odd", "time", "any", "remove", "repeat", "swap", "deep"]
_NESTING: Final = [3, 60, 260, 1010, 5000]


def deep(levels: int, *, as_list: bool) -> Any:
    """Return a value nested so deep."""
    made: Any = "bottom"
    for _ in range(levels):
        made = [made] if as_list else {"messages": made}
    return made


def places(value: Any, at: Path = ()) -> list[Path]:
    """Return every place in a JSON value, the outermost first."""
    found = [at]
    keys: Iterable[Any] = value if isinstance(value, dict) else ()
    for key in range(len(value)) if isinstance(value, list) else keys:
        found += places(value[key], (*at, key))
    return found


def replaced(value: Any, at: Path, change: Callable[[Any], Any]) -> Any:
    """Return the value with what stands at a place changed."""
    if not at:
        return change(value)
    inner = value
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = change(inner[at[-1]])
    return value


def removed(value: Any, at: Path) -> Any:
    """Return the value without what stands at a place."""
    if not at:
        return {}
    inner = value
    for key in at[:-1]:
        inner = inner[key]
    del inner[at[-1]]
    return value


def repeated(value: Any, at: Path, times: int) -> Any:
    """Return the value with what stands at a place several times, as a list."""
    return replaced(value, at, lambda held: [deepcopy(held) for _ in range(times)])


_JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(ODD_TEXT)
    | st.sampled_from(ODD_TIMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@st.composite
def bent_samples(draw: st.DrawFn) -> Any:
    """Return a sample with a few things at any place replaced, removed, repeated or swapped."""
    value = deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.sampled_from(places(value)))
        how = draw(
            st.sampled_from(["odd", "odd", "time", "any", "remove", "repeat", "swap", "deep"])
        )
        value = _bent(draw, value, at, how)
    return value


def _bent(draw: st.DrawFn, value: Any, at: Path, how: str) -> Any:
    if how == "remove":
        return removed(value, at)
    if how == "repeat":
        return repeated(value, at, draw(st.sampled_from([2, 3, 50])))
    if how == "deep":
        new: Any = deep(draw(st.sampled_from(_NESTING[:2])), as_list=draw(st.booleans()))
    elif how == "swap":
        other = draw(st.sampled_from(SAMPLES))
        new = _at(other, draw(st.sampled_from(places(other))))
    elif how == "time":
        new = draw(st.sampled_from(ODD_TIMES))
    elif how == "any":
        new = draw(_JSON)
    else:
        new = draw(st.sampled_from([*ODD_VALUES, *ODD_TEXT]))
    return replaced(value, at, lambda _: deepcopy(new))


def _at(value: Any, at: Path) -> Any:
    for key in at:
        value = value[key]
    return value


@st.composite
def wire_bytes(draw: st.DrawFn) -> bytes:
    """Return a bent sample as bytes: as Meta writes it, in UTF-8, or damaged on the way."""
    value = draw(bent_samples())
    is_ascii = draw(st.booleans())
    raw = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    how = draw(st.sampled_from(["whole"] * 12 + ["cut", "utf-16", "bom", "twice", "nul"]))
    if how == "cut":
        return raw[: draw(st.integers(0, len(raw)))]
    if how == "utf-16":
        return raw.decode("utf-8", "replace").encode("utf-16")
    if how == "bom":
        return b"\xef\xbb\xbf" + raw
    if how == "nul":
        return raw + b"\x00"
    return raw * 2 if how == "twice" else raw


@st.composite
def nested_bytes(draw: st.DrawFn) -> bytes:
    """Return a message whose content is nested deeper than a parser or a stack may like."""
    levels = draw(st.sampled_from(_NESTING))
    opening, closing = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
    core = opening * levels + b'"\\ud83d"' + closing * levels
    return draw(st.sampled_from([b"%s", b'{"entry":%s}', DEEP_MESSAGE])) % core


DEEP_MESSAGE: Final = (
    b'{"object":"whatsapp_business_account","entry":[{"id":"623456789000022","changes":[{"field":'
    b'"messages","value":{"metadata":{"phone_number_id":"512345678900011"},"messages":[{"from":'
    b'"34622000799","id":"wamid.deep","timestamp":"1793011200","type":"text","text":%s}]}}]}]}'
)


def any_bytes() -> st.SearchStrategy[bytes]:
    """Return bodies of every sort, bent samples most of all."""
    sample = wire_bytes()
    return st.one_of(sample, sample, sample, nested_bytes(), st.binary(max_size=200))


# What HTTP lets a header's value be; anything else the server refuses before we see it.
_HEADER_VALUES: Final = st.binary(max_size=90).map(
    lambda raw: bytes(byte for byte in raw if 32 < byte != 127)
)
_FOREIGN_HEADERS: Final = st.lists(
    st.tuples(
        st.sampled_from(
            ["X-Request-Id", "Content-Type", "Accept", "Authorization", "Cookie", "X-Business-Id",
             "Idempotency-Key", "Content-Encoding", "X-Forwarded-For", "X-Hub-Signature"]
        ),
        _HEADER_VALUES,
    ),
    max_size=3,
)  # fmt: skip


def _wrong_signatures(body: bytes, right: bytes) -> st.SearchStrategy[tuple[bytes, ...]]:
    another = signature.sign("another", body).encode()
    wrong: list[tuple[bytes, ...]] = [
        (),
        (b"",),
        (right.upper(),),
        (right[:-1],),
        (right + b"0",),
        (b"sha1=" + right[7:],),
        (another,),
        (right, another),
        (right + b", " + another,),
        (b"sha256=" + b"\xe9" * 64,),
    ]
    return st.sampled_from(wrong) | st.tuples(_HEADER_VALUES)


@st.composite
def posts(draw: st.DrawFn) -> Request:
    """Return a POST: mostly signed, else signed wrongly in one of many ways."""
    body = draw(any_bytes())
    right = signature.sign(APP_SECRET, body).encode()
    is_signed = draw(st.sampled_from([True] * 4 + [False]))
    signed = (right,) if is_signed else draw(_wrong_signatures(body, right))
    headers = [("X-Hub-Signature-256", value) for value in signed]
    return Request("POST", "", (*headers, *draw(_FOREIGN_HEADERS)), body, is_signed)


@st.composite
def handshakes(draw: st.DrawFn) -> Request:
    """Return a GET with parameters right, wrong, missing, repeated, or in no encoding at all."""
    values = st.sampled_from([VERIFY_TOKEN, "subscribe", "1158201444", "", "é", "%ff%00", "a+b&c"])
    values |= st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
    pairs = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["hub.mode", "hub.verify_token", "hub.challenge", "hub", "&", ""]),
                values,
            ),
            max_size=5,
        )
    )
    right = [("hub.mode", "subscribe"), ("hub.verify_token", VERIFY_TOKEN)]
    pairs = [*right, *pairs] if draw(st.booleans()) else pairs
    raw = "&".join(f"{name}={value}" for name, value in pairs)
    # What no address may hold is refused by the server itself, as no HTTP.
    query = quote(raw, safe="%&=+.;/?:@!$'()*,~")
    return Request("GET", query, tuple(draw(_FOREIGN_HEADERS)), b"", False)
