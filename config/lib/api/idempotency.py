"""A POST that happens once, however often it is sent.

The first answer to an `Idempotency-Key` is stored for 24 hours in the transaction of its
effect, so neither exists without the other. The same request is answered from the store. Work
that commits in steps stores its answer after the last of them.
"""

import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import orjson
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import locks
from config.lib.errors import Conflict, InvalidInput, RetryLater

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
KEPT: Final = timedelta(hours=24)
LONGEST_KEY: Final = 255
# A request that works in steps makes the first one by then, and each other by the second time, or
# its process is dead. Before the first, a large file goes to a slow storage.
_BEGIN_SECONDS: Final = 900
_STEP_SECONDS: Final = 120
_OWNER: Final = "switchboard.idempotency_owner"
# Who lost a right in between may have it back by the next try.
_OF_RIGHTS: Final = frozenset({401, 403})


@dataclass(frozen=True)
class Slot:
    """Whose key it is: keys of different callers never meet."""

    business_id: uuid.UUID | None
    actor: str
    key: str


@dataclass(frozen=True)
class StoredResponse:
    """An answer as it was first given, and a hash of the request it belongs to."""

    fingerprint: str
    status: int
    body: bytes


class IdempotencyStore(Protocol):
    """Keeps answers; named by `settings.IDEMPOTENCY_STORE`, called inside a transaction."""

    def find(self, slot: Slot, *, since: datetime) -> StoredResponse | None:
        """Return the answer stored at or after `since`, or None."""

    def save(self, slot: Slot, response: StoredResponse, *, now: datetime) -> None:
        """Store the answer, replacing one that has expired."""


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class InProgress(Conflict, RetryLater):
    """The first request with the key has not been answered yet."""

    code = "idempotency_in_progress"


class Overtaken(InProgress):
    """The request took so long that another one with its key took its place."""


def respond_once(
    request: Request,
    respond: Callable[[], Response],
    answer_failure: Callable[[Exception], Response],
) -> Response:
    """Return the stored answer to the request's key, or respond and store that.

    Answers from 500 upwards and 429 are not stored: the request may be tried again.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return respond()
    slot = _slot(request, given)
    fingerprint = _fingerprint(request)
    now = timezone.now()
    store: IdempotencyStore = import_string(settings.IDEMPOTENCY_STORE)()
    with transaction.atomic():
        if not _lock(slot):
            raise _in_progress()
        if stored := store.find(slot, since=now - KEPT):
            return _replay(stored, fingerprint)
        response = _attempt(respond, answer_failure)
        _save(store, slot, fingerprint, response, now=now)
        return response


def respond_in_steps(
    request: Request,
    respond: Callable[[], Response],
    answer_failure: Callable[[Exception], Response],
) -> Response:
    """As `respond_once`, for work that no one transaction holds.

    Of two requests at once one works. A kill leaves the steps that were committed and no answer:
    the request may be sent again two minutes after its last step, fifteen after it began without
    one, so its steps must bear being repeated. One that takes longer goes on unless another took
    its place.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return respond()
    slot = _slot(request, given)
    fingerprint = _fingerprint(request)
    now = timezone.now()
    store: IdempotencyStore = import_string(settings.IDEMPOTENCY_STORE)()
    owner = request.META[_OWNER] = secrets.token_hex(16)
    with locks.single_flight(_flight(slot), ttl_seconds=_BEGIN_SECONDS, owner=owner) as is_mine:
        if not is_mine:
            raise _in_progress()
        with transaction.atomic():
            stored = store.find(slot, since=now - KEPT)
        if stored:
            return _replay(stored, fingerprint)
        try:
            response = respond()
        except Overtaken:
            raise
        except Exception as error:
            response = answer_failure(error)
        if response.status_code not in _OF_RIGHTS:
            with transaction.atomic():
                # Whoever took its place meanwhile may have answered first.
                if not store.find(slot, since=now - KEPT):
                    _save(store, slot, fingerprint, response, now=now)
        return response


def begin_step(request: Request) -> None:
    """Keep the key of a request that works in steps for another one.

    Call it inside the transaction of the step. Raises `Overtaken` when another request with the
    key works in the place of this one, or has done so.
    """
    owner, given = request.META.get(_OWNER), request.headers.get(HEADER)
    if owner is None or given is None:
        return
    slot = _slot(request, given)
    store: IdempotencyStore = import_string(settings.IDEMPOTENCY_STORE)()
    is_mine = locks.prolong(_flight(slot), owner=owner, ttl_seconds=_STEP_SECONDS)
    if not is_mine or store.find(slot, since=timezone.now() - KEPT):
        raise Overtaken(
            "This request took so long that another one with its key took its place. "
            "Send it again for the answer to that one.",
            retry_after_seconds=1,
        )


def _flight(slot: Slot) -> str:
    return f"idempotency.{hashlib.sha256(_name(slot)).hexdigest()}"


def _in_progress() -> InProgress:
    return InProgress("The first request with this key is still running.", retry_after_seconds=1)


def _save(
    store: IdempotencyStore, slot: Slot, fingerprint: str, response: Response, *, now: datetime
) -> None:
    if response.status_code < 500 and response.status_code != 429:
        body = orjson.dumps(_plain(response))
        store.save(slot, StoredResponse(fingerprint, response.status_code, body), now=now)


def _attempt(
    respond: Callable[[], Response], answer_failure: Callable[[Exception], Response]
) -> Response:
    """Respond; a failure takes its effects back but keeps the transaction, to store the answer.

    A failure of the database ends the transaction: whoever holds it may run all of it again.
    """
    try:
        with transaction.atomic():
            return respond()
    except OperationalError:
        raise
    except Exception as error:
        return answer_failure(error)


def _replay(stored: StoredResponse, fingerprint: str) -> Response:
    if stored.fingerprint != fingerprint:
        raise KeyReused("This key was used for another request.")
    return Response(orjson.loads(stored.body), status=stored.status, headers={REPLAYED: "true"})


def _slot(request: Request, given: str) -> Slot:
    if not 0 < len(given) <= LONGEST_KEY or not given.isascii() or not given.isprintable():
        raise InvalidInput(
            f"An {HEADER} has 1 to {LONGEST_KEY} printable ASCII characters.", attr=HEADER
        )
    access = getattr(request, "access", None)
    business = getattr(access, "business", None)
    return Slot(
        business_id=business and business.pk, actor=access.actor_id if access else "", key=given
    )


def _fingerprint(request: Request) -> str:
    """Hash what was asked: method, path, query and the parsed body, files by their content."""
    hashed = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    data: Any = request.data
    lists = getattr(data, "lists", None)
    for name, values in sorted(lists() if lists else data.items()):
        hashed.update(b"\x00" + name.encode() + b"\x00")
        for value in values if lists else [values]:
            _hash_value(hashed, value)
    return hashed.hexdigest()


def _hash_value(hashed: "hashlib._Hash", value: object) -> None:
    if not isinstance(value, UploadedFile):
        hashed.update(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
        return
    for chunk in value.chunks():
        hashed.update(chunk)
    value.seek(0)


def _lock(slot: Slot) -> bool:
    """Take the slot until the transaction ends; False when another one holds it."""
    number = int.from_bytes(hashlib.sha256(_name(slot)).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def _name(slot: Slot) -> bytes:
    return f"idempotency\x1f{slot.business_id}\x1f{slot.actor}\x1f{slot.key}".encode()


def _plain(response: Response) -> Any:
    """Return the body as JSON holds it, rendered the way the client will see it."""
    if response.data is None:
        return None
    return orjson.loads(JSONRenderer().render(response.data))
