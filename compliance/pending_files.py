"""Files of consents that were looked at and wait for a "yes": sealed, in Redis, for half an hour.

Only who chose a file, in the business they chose it for, finds it, and once. An erasure drops all
that wait in its business: whoever chose one chooses it again.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import orjson
from django.utils.crypto import get_random_string
from redis.exceptions import RedisError

from accounts import tenancy
from config.lib import crypto, redis
from config.lib.crypto import DecryptionFailed
from config.lib.errors import Unavailable

PATIENCE_SECONDS: Final = 1800


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file, and what was declared about its rows."""

    content: bytes
    filename: str
    given: Mapping[str, str]


def keep(file: PendingFile, *, user_id: object) -> str:
    """Keep a file of the business in scope; return the token it is taken with.

    Raises `Unavailable`.
    """
    token = get_random_string(32)
    name, index = _name(user_id, token), _index()
    with _reached(), redis.client().pipeline() as pipe:
        pipe.set(name, _sealed(file), ex=PATIENCE_SECONDS)
        pipe.sadd(index, name)
        pipe.expire(index, PATIENCE_SECONDS)
        pipe.execute()
    return token


def take(token: str, *, user_id: object) -> PendingFile | None:
    """Return a file and forget it; None when it was taken, dropped or waited too long.

    Raises `Unavailable`.
    """
    name = _name(user_id, token[:64])
    with _reached():
        sealed = redis.client().getdel(name)
        redis.client().srem(_index(), name)
    try:
        return _opened(str(sealed)) if sealed else None
    except DecryptionFailed:
        return None


def drop_all() -> int:
    """Forget every file that waits in the business in scope; return how many. Raises `Unavailable`.

    Reading them for one person would open them all; none waits long.
    """
    with _reached():
        names = sorted(str(one) for one in redis.client().smembers(_index()))
        if not names:
            return 0
        # The index stays for what is kept just now.
        redis.client().srem(_index(), *names)
        return int(redis.client().unlink(*names) or 0)


def _sealed(file: PendingFile) -> str:
    content = base64.b64encode(zlib.compress(file.content, level=1)).decode()
    told = {"content": content, "filename": file.filename, "given": dict(file.given)}
    return crypto.encrypt(orjson.dumps(told).decode())


def _opened(sealed: str) -> PendingFile:
    told = orjson.loads(crypto.decrypt(sealed))
    content = zlib.decompress(base64.b64decode(told["content"]))
    return PendingFile(content, told["filename"], told["given"])


def _index() -> str:
    return redis.key("consent-files", tenancy.current_id())


def _name(user_id: object, token: str) -> str:
    return redis.key("consent-file", tenancy.current_id(), user_id, token)


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Unavailable("The file cannot be kept just now. Try again.") from error
