"""The list of erasures outside the database, and its replay after a restore.

A backup brings back whoever was erased since it was made. So each erasure is also a small signed
file in the storage of backups: keyed hashes and ids, nothing that names anybody.

    privacy/keys/<id>.json       the secret of the hashes, sealed under the field keys
    privacy/erasures/<id>.json   one erasure
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.db import transaction

from accounts import tenancy
from accounts.models import Business
from accounts.tenancy import Door
from compliance import audit
from compliance.privacy import keys, registry, requests
from compliance.privacy.keys import Key
from compliance.privacy.models import ErasureRecord, PrivacyRequest, SuppressedPerson
from compliance.privacy.registry import Person
from config.lib import crypto
from config.lib.apart import going_on
from config.lib.errors import ProjectError
from config.lib.storage import storage_for

_KEYS: Final = "keys"
_ERASURES: Final = "erasures"
Clock = Callable[[], datetime]


class ForgedRecord(ProjectError):
    """A file of the list was not signed by this installation, or was changed since."""

    code = "forged_erasure_record"


@dataclass(slots=True)
class Replayed:
    """What a replay did. `unfinished` are requests the workers go on with."""

    listed: int = 0
    known: int = 0
    foreign: int = 0
    erased: int = 0
    nobody: int = 0
    unfinished: list[str] = field(default_factory=list)


def store_pending(*, now: datetime) -> int:
    """Write every erasure the list lacks, of every business; return how many were written."""
    with tenancy.across(Door.SWEEP):
        waiting = list(ErasureRecord.across_businesses.filter(stored_at=None)[:500])
    if waiting:
        store_keys()
    stored = 0
    for record in waiting:
        with going_on("store_erasure", record=str(record.pk)), tenancy.scope(record.business_id):
            _store(record, now)
            stored += 1
    return stored


def store_keys() -> int:
    """Write every secret, sealed under the newest field key; return how many."""
    found = keys.known()
    for key in found:
        sealed = {"id": str(key.id), "sealed": crypto.encrypt(key.secret)}
        _put(f"{_KEYS}/{key.id}.json", sealed)
    return len(found)


def replay(*, clock: Clock, is_dry: bool = False) -> Replayed:
    """Erase again whoever a restore brought back. Raises `ForgedRecord`.

    An erasure the database knows to be done is left alone: whoever of them is here came back by
    themselves.
    """
    done = Replayed()
    with tenancy.across(Door.COMMAND):
        for key in _stored_keys():
            keys.adopt(key)
        businesses = set(Business.objects.values_list("pk", flat=True))
    for business_id, told in _by_business().items():
        done.listed += len(told)
        if business_id not in businesses:
            done.foreign += len(told)
            continue
        with tenancy.scope(business_id):
            _replay_business(told, done, clock=clock, is_dry=is_dry)
    return done


def _replay_business(
    told: list[dict[str, Any]], done: Replayed, *, clock: Clock, is_dry: bool
) -> None:
    missing = [one for one in told if not _is_done(UUID(one["request"]))]
    done.known += len(told) - len(missing)
    found = _find_people(missing)
    for one in missing:
        person = found.get(one["request"])
        done.nobody += person is None
        done.erased += person is not None
        if is_dry:
            continue
        with transaction.atomic():
            _restore_suppression(one)
            request = _restore_request(one, person, clock())
        if request is None:
            continue
        while requests.perform(request.pk, clock=clock, until=clock()):
            pass
        request.refresh_from_db()
        if request.status != PrivacyRequest.Status.DONE:
            done.unfinished.append(str(request.pk))


def _find_people(missing: list[dict[str, Any]]) -> dict[str, Person]:
    """Return who of the list is held here, by request: one pass over everybody."""
    by_digest = {digest: one["request"] for one in missing for digest in one["digests"]}
    by_contact = {UUID(id_): one["request"] for one in missing for id_ in one["contacts"]}
    if not by_digest and not by_contact:
        return {}
    business_id, secrets = tenancy.current_id(), keys.known()
    found: dict[str, Person] = {}
    for person in registry.everybody():
        digests = {key.digest(business_id, one) for key in secrets for one in person.address_keys}
        named = {by_digest[one] for one in digests if one in by_digest}
        named |= {by_contact[one] for one in person.contacts if one in by_contact}
        for request_id in named:
            found[request_id] = found.get(request_id, person).joined(person)
    return found


def _is_done(request_id: UUID) -> bool:
    return PrivacyRequest.objects.filter(pk=request_id, status=PrivacyRequest.Status.DONE).exists()


def _restore_suppression(one: Mapping[str, Any]) -> None:
    SuppressedPerson.objects.bulk_create(
        [
            SuppressedPerson(
                business_id=tenancy.current_id(),
                key_id=UUID(one["key"]),
                digest=digest,
                erased_at=datetime.fromisoformat(one["erased_at"]),
            )
            for digest in one["digests"]
        ],
        ignore_conflicts=True,
    )


def _restore_request(
    one: Mapping[str, Any], person: Person | None, now: datetime
) -> PrivacyRequest | None:
    """Bring the request back, running when somebody is to be erased; else note it as done."""
    at = datetime.fromisoformat(one["erased_at"])
    request, _ = PrivacyRequest.objects.update_or_create(
        pk=UUID(one["request"]),
        business_id=tenancy.current_id(),
        defaults={
            "kind": PrivacyRequest.Kind.ERASURE,
            "status": PrivacyRequest.Status.RUNNING if person else PrivacyRequest.Status.DONE,
            "label": person.label if person else one["person"],
            "person": person.to_json() if person else "",
            "digests": one["digests"],
            "received_at": datetime.fromisoformat(one["asked_at"]),
            "due_at": datetime.fromisoformat(one["due_at"]),
            "started_at": at,
            "finished_at": None if person else at,
            "progress": {},
            "next_at": now if person else None,
        },
    )
    ErasureRecord.objects.get_or_create(
        request_id=request.pk,
        business_id=request.business_id,
        defaults={
            "key_id": UUID(one["key"]),
            "digests": one["digests"],
            "contact_ids": [UUID(id_) for id_ in one["contacts"]],
            "erased_at": at,
            "stored_at": now,
            "replayed_at": now,
        },
    )
    audit.record(
        action="privacy.replayed",
        resource="privacy_request",
        resource_id=str(request.pk),
        details={"found": person is not None},
    )
    return request if person else None


def _store(record: ErasureRecord, now: datetime) -> None:
    request = PrivacyRequest.objects.get(pk=record.request_id)
    key = next(one for one in keys.known() if one.id == record.key_id)
    facts = {
        "version": 1,
        "business": str(record.business_id),
        "request": str(record.request_id),
        "key": str(record.key_id),
        "person": request.label,
        "digests": sorted(record.digests),
        "contacts": sorted(str(one) for one in record.contact_ids),
        "asked_at": request.received_at.isoformat(),
        "due_at": request.due_at.isoformat(),
        "erased_at": record.erased_at.isoformat(),
    }
    _put(f"{_ERASURES}/{record.pk}.json", {"facts": facts, "signature": key.sign(facts)})
    # One that learned of another address meanwhile is stored again.
    same = ErasureRecord.objects.filter(pk=record.pk, digests=record.digests)
    same.update(stored_at=now)


def _by_business() -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {}
    for one in _listed():
        found.setdefault(UUID(one["business"]), []).append(one)
    return found


def _listed() -> Iterator[dict[str, Any]]:
    secrets = {str(key.id): key for key in keys.known()}
    for name, held in _read(_ERASURES):
        facts = held.get("facts", {})
        key = secrets.get(str(facts.get("key")))
        if key is None or not keys.is_signed(facts, held.get("signature", ""), key.public):
            raise ForgedRecord(f"The file {name} of the list of erasures is not genuine.")
        yield facts


def _stored_keys() -> Iterator[Key]:
    for _, held in _read(_KEYS):
        yield Key(UUID(held["id"]), crypto.decrypt(held["sealed"]))


def _read(folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    place = _storage()
    try:
        names = sorted(place.listdir(folder)[1])
    except FileNotFoundError:
        return
    for name in names:
        with place.open(f"{folder}/{name}") as file:
            try:
                held = orjson.loads(file.read())
            except orjson.JSONDecodeError as error:
                raise ForgedRecord(f"The file {name} of the list is damaged.") from error
        yield name, held if isinstance(held, dict) else {}


def _put(name: str, held: Mapping[str, Any]) -> None:
    place = _storage()
    if place.exists(name):
        place.delete(name)
    place.save(name, ContentFile(orjson.dumps(held, option=orjson.OPT_INDENT_2)))


def _storage() -> Storage:
    return storage_for(f"{settings.BACKUP_STORAGE_URL.rstrip('/')}/privacy")
