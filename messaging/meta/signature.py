"""Sign and check webhook bodies: HMAC-SHA256 of the raw bytes with the app's secret."""

from __future__ import annotations

import hmac

PREFIX = "sha256="
HEADER_LENGTH = len(PREFIX) + 64


def sign(secret: str, body: bytes) -> str:
    """Return the value of `X-Hub-Signature-256` for these bytes."""
    return PREFIX + hmac.digest(secret.encode(), body, "sha256").hex()


def is_valid(secret: str, body: bytes, header: str | bytes | None) -> bool:
    """Tell whether the header signs exactly these bytes. Takes constant time.

    False for an empty secret: without one, anybody could sign.
    """
    if isinstance(header, str):
        header = header.encode("utf-8", "replace")
    if not secret or not header or len(header) != HEADER_LENGTH:
        return False
    return hmac.compare_digest(sign(secret, body).encode(), header)
