"""Misbehaviour on request, decided the same way every time for the same seed.

A fraction is compared with a number drawn from (seed, fault, key, try): the key of a send is its
callback data or recipient, so which messages suffer does not depend on timing or order.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from hashlib import blake2b
from typing import Any

from config.dev.sandbox.errors import Json

FRACTIONS = (
    "timeout_before_accept",
    "timeout_after_accept",
    "drop_connection_before",
    "drop_connection_after",
    "http_5xx_before",
    "http_5xx_after",
    "throttle",
    "template_rejection",
    "webhook_duplicates",
    "webhook_reorder",
    "webhook_drop",
)
THROTTLE_CODES = (4, 80007, 130429, 131056)
WINDOWS = ("async", "sync", "off")


@dataclass
class Faults:
    """What goes wrong. Fractions are 0 to 1; docs/sandbox.md explains every field."""

    seed: int = 0
    latency_ms: float = 0
    jitter_ms: float = 0
    timeout_before_accept: float = 0
    timeout_after_accept: float = 0
    stall_seconds: float = 60
    drop_connection_before: float = 0
    drop_connection_after: float = 0
    http_5xx_before: float = 0
    http_5xx_after: float = 0
    http_5xx_meta_body: bool = False
    throttle: float = 0
    throttle_code: int = 130429
    throughput_per_second: int = 0
    pair_limit: bool = False
    window: str = "async"
    template_rejection: float = 0
    template_rejection_reason: str = "INVALID_FORMAT"
    webhook_duplicates: float = 0
    webhook_reorder: float = 0
    webhook_reorder_ms: float = 2000
    webhook_drop: float = 0
    webhook_delay_ms: float = 0
    webhook_batch_size: int = 1000
    invalid_tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tries: Counter[str] = Counter()
        self._refresh()

    def _refresh(self) -> None:
        """Work out once which paths need to ask at all."""
        quiet = Faults.__dataclass_fields__
        sends = (*FRACTIONS[:7], "latency_ms", "jitter_ms", "throughput_per_second", "pair_limit")
        self.on_sends = any(getattr(self, name) != quiet[name].default for name in sends)
        self.on_webhooks = any(getattr(self, name) for name in (*FRACTIONS[8:], "webhook_delay_ms"))

    def as_json(self) -> Json:
        """Return every setting."""
        return asdict(self)

    def change(self, given: Json) -> None:
        """Set the fields given and keep the others. Raises ValueError for what makes no sense."""
        types = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        for name, value in given.items():
            if name not in types:
                raise ValueError(f"unknown field {name}; known: {', '.join(types)}")
            _check(name, value, types[name])
        for name, value in given.items():
            setattr(self, name, value)
        self._tries.clear()
        self._refresh()

    def draw(self, fault: str, key: str) -> float:
        """Return a number from 0 to 1 that only the seed, the fault and the key decide."""
        digest = blake2b(f"{self.seed}:{fault}:{key}".encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / (1 << 48)

    def strikes(self, fault: str, key: str) -> bool:
        """Tell whether the fault strikes this key."""
        fraction = float(getattr(self, fault))
        return fraction > 0 and self.draw(fault, key) < fraction

    def next_try(self, key: str) -> str:
        """Return the key with the number of this try, so that a retry is decided anew."""
        self._tries[key] += 1
        return f"{key}#{self._tries[key]}"


def _check(name: str, value: Any, kind: type) -> None:
    if kind is bool or isinstance(value, bool):
        fits = kind is bool and isinstance(value, bool)
    elif kind is str:
        fits = isinstance(value, str)
    elif kind is list:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    else:
        fits = isinstance(value, int | float) and value >= 0
    if name in FRACTIONS:
        fits = fits and value <= 1
    if name == "throttle_code":
        fits = value in THROTTLE_CODES
    if name == "window":
        fits = value in WINDOWS
    if name == "webhook_batch_size":
        fits = fits and 1 <= value <= 1000
    if not fits:
        raise ValueError(f"{name}: {value!r} does not fit")
