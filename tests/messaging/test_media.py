"""Files that come and go with messages."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pytest
import redis
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from accounts import tenancy
from accounts.models import Business
from config.lib import storage
from config.lib.errors import InvalidInput
from config.lib.ids import new_id, time_of
from config.lib.redis import key as redis_key
from messaging.media import inbound, limits, uploads
from messaging.media.inbound import Announced
from messaging.media.models import MediaFile
from tests.factories.accounts import BusinessFactory
from tests.factories.cast import client_of, make_cast
from tests.messaging.pump import Pump

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def png(*, depth: int = 8, color: int = 6, size: int = 64) -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + b"\0" * size


def webp(*, animated: bool = False, size: int = 64) -> bytes:
    flags = bytes([0x02 if animated else 0])
    return b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + flags + b"\0" * size


def office(folder: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}/document.xml", "<x/>")
    return file.getvalue()


PNG = png()
OGG = b"OggS" + b"\0" * 24 + b"OpusHead" + b"\0" * 40


@pytest.fixture(autouse=True)
def media_storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}"


@pytest.fixture
def business(db: None) -> Iterator[Business]:
    made = BusinessFactory.create()
    with tenancy.scope(made):
        yield made


@pytest.mark.parametrize(
    ("content", "name", "kind", "mime_type"),
    [
        (PNG, "a.txt", "image", "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 20, "", "image", "image/jpeg"),
        (webp(), "", "sticker", "image/webp"),
        (OGG, "", "audio", "audio/ogg"),
        (b"ID3\x04" + b"\0" * 20, "", "audio", "audio/mpeg"),
        (b"#!AMR\n" + b"\0" * 20, "", "audio", "audio/amr"),
        (b"\xff\xf1" + b"\0" * 20, "", "audio", "audio/aac"),
        (b"\0\0\0\x20ftypM4A \0\0", "", "audio", "audio/mp4"),
        (b"\0\0\0\x20ftypisom\0\0", "", "video", "video/mp4"),
        (b"\0\0\0\x20ftyp3gp5\0\0", "", "video", "video/3gpp"),
        (b"%PDF-1.7\n", "", "document", "application/pdf"),
        ("Grüße 🌸\n".encode(), "notes.txt", "document", "text/plain"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 20, "a.xls", "document", "application/vnd.ms-excel"),
    ],
)
def test_a_file_is_what_its_bytes_say(content: bytes, name: str, kind: str, mime_type: str) -> None:
    found = limits.identify(io.BytesIO(content), filename=name)

    assert found is not None
    assert (found.name, found.mime_type) == (kind, mime_type)


@pytest.mark.parametrize("folder", ["word", "xl", "ppt"])
def test_office_files_are_told_apart_by_what_is_in_them(folder: str) -> None:
    found = limits.identify(io.BytesIO(office(folder)))

    assert found is not None
    assert "openxmlformats" in found.mime_type


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0" + b"\0" * 100,
        b"\0\0\0\x20ftypheic\0\0",
        b"GIF89a" + b"\0\xff" * 20,
        png(depth=16),
        png(color=3),
        b"OggS" + b"\0" * 24 + b"\x01vorbis",
        b"PK\x03\x04 damaged",
        b"text with a \x07 bell",
        "Grüße".encode("latin-1"),
    ],
)
def test_what_whatsapp_would_not_take_is_refused(content: bytes) -> None:
    with pytest.raises(uploads.UnsupportedType):
        uploads.check(io.BytesIO(content), filename="harmless.png")


@pytest.mark.parametrize(
    ("content", "most"),
    [
        (png(size=5 * limits.MB), "5 MB"),
        (OGG + b"\0" * (16 * limits.MB), "16 MB"),
        (webp(size=100 * limits.KB), "100 KB"),
        (webp(animated=True, size=500 * limits.KB), "500 KB"),
    ],
)
def test_a_file_above_its_kinds_limit_is_refused_with_the_limit(content: bytes, most: str) -> None:
    with pytest.raises(uploads.FileTooLarge, match=most):
        uploads.check(io.BytesIO(content), filename="file")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(InvalidInput, match="empty"):
        uploads.check(io.BytesIO(b""), filename="a.png")


def scanner(file: IO[bytes], *, mime_type: str) -> str:
    return "It has a virus." if b"EICAR" in file.read() else ""


def test_the_scanner_of_the_settings_has_a_say(settings: Settings) -> None:
    settings.MEDIA_SCANNER = "tests.messaging.test_media.scanner"

    assert uploads.check(io.BytesIO(b"clean text"), filename="a.txt").size == 10
    with pytest.raises(uploads.Infected, match="virus"):
        uploads.check(io.BytesIO(b"EICAR"), filename="a.txt")


def slow_scanner(file: IO[bytes], *, mime_type: str) -> str:
    """Take so long that the key of the request is free again, and that it is sent again."""
    if SLOW:
        SLOW.pop()()
    return ""


SLOW: list[Callable[[], None]] = []


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_took_too_long_leaves_the_work_to_the_one_in_its_place(
    settings: Settings, redis_server: redis.Redis
) -> None:
    settings.MEDIA_SCANNER = "tests.messaging.test_media.slow_scanner"
    client, answers = client_of(make_cast().bob), []

    def upload() -> Any:
        file = SimpleUploadedFile("a.png", PNG)
        body = {"file": file}
        return client.post(
            "/api/whatsapp/media", body, format="multipart", HTTP_IDEMPOTENCY_KEY="one"
        )

    def run_out() -> None:
        [lock] = redis_server.scan_iter(match=redis_key("lock", "idempotency.*"))
        assert redis_server.ttl(lock) > 600
        redis_server.delete(lock)
        answers.append(upload())

    SLOW.append(run_out)
    first, again = upload(), upload()

    assert first.status_code == 409
    assert first.json()["errors"][0]["code"] == "idempotency_in_progress"
    assert answers[0].status_code == 201
    assert again["Idempotency-Replayed"] == "true"
    assert again.json() == answers[0].json()
    assert MediaFile.across_businesses.count() == 1


def test_a_stored_file_keeps_its_name_in_the_row_only(business: Business) -> None:
    made = uploads.store(file=io.BytesIO(PNG), filename="../../etc/pass\x00wd.png", now=NOW)

    assert made.filename == "passwd.png"
    assert made.path == f"media/{business.pk}/2026/11/{made.pk}"
    with storage.media().open(made.path) as file:
        assert file.read() == PNG


def test_a_file_goes_to_meta_once_and_again_before_its_id_expires(pump: Pump) -> None:
    with tenancy.scope(pump.business):
        media = uploads.store(file=io.BytesIO(PNG), filename="a.png", now=NOW)

        first = _meta_id(media, pump, NOW)
        second = _meta_id(media, pump, NOW + timedelta(days=28))
        third = _meta_id(media, pump, NOW + timedelta(days=29, hours=1))

    assert first == second != third


def test_an_announced_file_is_fetched_and_kept(pump: Pump) -> None:
    file_id = _at_meta(pump)
    with tenancy.scope(pump.business):
        media = _announce(pump, file_id)
        again = inbound.announce([_announced(pump, media, file_id)], now=NOW)

    counts = inbound.fetch_due(now=NOW)

    media.refresh_from_db()
    assert again == [media.pk]
    assert counts == {"stored": 1, "later": 0, "failed": 0}
    assert (media.status, media.size, media.mime_type) == ("stored", len(PNG), "image/png")
    with storage.media().open(media.path) as file:
        assert file.read() == PNG
    assert inbound.fetch_due(now=NOW) == {"stored": 0, "later": 0, "failed": 0}


def test_a_file_meta_does_not_know_fails_with_a_reason_and_can_be_retried(pump: Pump) -> None:
    with tenancy.scope(pump.business):
        media = _announce(pump, "999999999999")

    assert inbound.fetch_due(now=NOW)["failed"] == 1
    media.refresh_from_db()
    assert media.status == MediaFile.Status.FAILED
    assert media.error

    with tenancy.scope(pump.business):
        inbound.retry(media, now=NOW)
    media.refresh_from_db()
    assert (media.status, media.attempts) == ("pending", 0)


def test_a_file_waits_longer_each_time_meta_is_unreachable(pump: Pump, settings: Settings) -> None:
    file_id = _at_meta(pump)
    with tenancy.scope(pump.business):
        media = _announce(pump, file_id)
    works, settings.META_GRAPH_URL = settings.META_GRAPH_URL, "http://127.0.0.1:9"
    waits, now = [], NOW
    for _ in range(3):
        assert inbound.fetch_due(now=now)["later"] == 1
        media.refresh_from_db()
        assert media.next_attempt_at is not None
        waits.append(media.next_attempt_at - now)
        now = media.next_attempt_at

    settings.META_GRAPH_URL = works
    assert inbound.fetch_due(now=now - timedelta(seconds=1))["stored"] == 0
    assert inbound.fetch_due(now=now)["stored"] == 1
    assert waits == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5)]


def test_a_file_a_dead_worker_took_is_due_again(pump: Pump) -> None:
    file_id = _at_meta(pump)
    with tenancy.scope(pump.business):
        _announce(pump, file_id)
    taken = inbound._claim(NOW)

    assert taken is not None
    assert inbound.fetch_due(now=NOW)["stored"] == 0
    assert inbound.fetch_due(now=NOW + inbound.LEASE)["stored"] == 1


def test_what_a_killed_worker_stored_and_did_not_note_is_replaced(pump: Pump) -> None:
    file_id = _at_meta(pump)
    with tenancy.scope(pump.business):
        media = _announce(pump, file_id)
    left = storage.media().save(uploads.path_of(media, time_of(media.pk)), ContentFile(b"half"))

    assert inbound.fetch_due(now=NOW)["stored"] == 1

    assert not storage.media().exists(left)
    assert _content(media) == PNG


def test_of_two_workers_on_one_file_only_the_later_one_notes_it(pump: Pump) -> None:
    file_id = _at_meta(pump)
    with tenancy.scope(pump.business):
        media = _announce(pump, file_id)
    late, present = inbound._claim(NOW), inbound._claim(NOW + inbound.LEASE)
    assert late is not None
    assert present is not None

    with tenancy.scope(pump.business):
        before = inbound._fetch(late, NOW)
        media.refresh_from_db()
        status = media.status
        after = inbound._fetch(present, NOW)

    assert (before, status, after) == ("failed", "pending", "stored")
    assert _content(media) == PNG
    assert _names(media) == [media.path]


def test_a_worker_that_comes_too_late_leaves_the_file_of_the_next_one(pump: Pump) -> None:
    file_id = _at_meta(pump)
    with tenancy.scope(pump.business):
        media = _announce(pump, file_id)
    late = inbound._claim(NOW)
    assert late is not None
    assert inbound.fetch_due(now=NOW + inbound.LEASE)["stored"] == 1

    with tenancy.scope(pump.business):
        assert inbound._fetch(late, NOW) == "failed"

    assert _content(media) == PNG
    assert _names(media) == [media.path]


def _content(media: MediaFile) -> bytes:
    """Return what is stored of a file that is noted as such."""
    media.refresh_from_db()
    assert media.status == MediaFile.Status.STORED
    with storage.media().open(media.path) as file:
        content: bytes = file.read()
        return content


def _names(media: MediaFile) -> list[str]:
    """Return all that is stored of a file, noted or not."""
    folder, _, name = uploads.path_of(media, time_of(media.pk)).rpartition("/")
    return [f"{folder}/{one}" for one in storage.media().listdir(folder)[1] if one.startswith(name)]


def test_a_file_whose_person_is_erased_while_meta_takes_it_is_no_failure(pump: Pump) -> None:
    with tenancy.scope(pump.business):
        media = uploads.store(file=io.BytesIO(PNG), filename="a.png", now=NOW)
        MediaFile.objects.filter(pk=media.pk).delete()

        assert _meta_id(media, pump, NOW)
        assert not MediaFile.objects.exists()


def _meta_id(media: MediaFile, pump: Pump, now: datetime) -> str:
    return uploads.ensure_meta_id(
        media,
        sender_id=pump.sender.pk,
        phone_number_id=pump.sender.phone_number_id,
        token=pump.sender.account.access_token,
        now=now,
    )


def _at_meta(pump: Pump) -> str:
    """Put a file into the sandbox and return its id there."""
    with tenancy.scope(pump.business):
        made = uploads.store(file=io.BytesIO(PNG), filename="a.png", now=NOW)
        return _meta_id(made, pump, NOW)


def _announce(pump: Pump, file_id: str) -> MediaFile:
    announced = Announced(new_id(), pump.sender.pk, file_id, "image/png; x=1", "", "a.png")
    [media_id] = inbound.announce([announced], now=NOW)
    media: MediaFile = MediaFile.objects.get(pk=media_id)
    return media


def _announced(pump: Pump, media: MediaFile, file_id: str) -> Announced:
    assert media.message_id is not None
    return Announced(media.message_id, pump.sender.pk, file_id)
