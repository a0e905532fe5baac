"""What a request's line shows of its address: no person, no link that opens a door."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import structlog
from django.core import signing
from django.test import AsyncRequestFactory, Client

from config.lib.logging import redact, redact_text, scrub_sentry, settings_for

PHONE = "34600555100"
TOKEN = signing.Signer(key="k" * 50, salt="accounts.invitation").sign_object(
    ["01936d2e-7c3f-7abc-8def-0123456789ab", "Zq3vB8nL0xR5tY7uW2aC1w"]
)
ID = "01936d2e-7c3f-7abc-8def-0123456789ab"


@pytest.fixture(params=["json", "console"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Return what is written to a handler with our formatter, in either format."""
    stream = io.StringIO()
    config = settings_for(request.param, "INFO")["formatters"]["line"]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            **{name: value for name, value in config.items() if name != "()"}
        )
    )
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def log_the_request(path: str) -> None:
    request = AsyncRequestFactory().get(path)
    logging.getLogger("django.request").warning(
        "Not Found: %s", request.path, extra={"status_code": 404, "request": request}
    )


def log_a_failure(path: str) -> None:
    try:
        raise ValueError(f"no answer to {path}")
    except ValueError:
        logging.getLogger("django.request").exception("failed", extra={"status_code": 500})


def log_positionally(path: str) -> None:
    logging.getLogger("somewhere").warning("%s asked, then %r", path, {"path": [path]})


def log_as_web_servers_do(path: str) -> None:
    facts = {"method": "GET", "path": path, "status": 200}
    logging.getLogger("granian.access").warning('"%(method)s %(path)s" %(status)d', facts)


def log_the_line_of_a_request(path: str) -> None:
    structlog.get_logger("django_structlog").info("request_finished", request=f"GET {path}")


def log_deep_inside(path: str) -> None:
    class Holder:
        def __str__(self) -> str:
            return f"<Holder {path}>"

    structlog.get_logger("somewhere").warning(
        "odd", held=Holder(), raw=path.encode(), facts={path: (Holder(), frozenset({path}))}
    )


WAYS: list[Callable[[str], None]] = [
    log_the_request,
    log_a_failure,
    log_positionally,
    log_as_web_servers_do,
    log_the_line_of_a_request,
    log_deep_inside,
]


@pytest.mark.parametrize("log", WAYS)
@pytest.mark.parametrize(
    "path",
    [
        f"/api/compliance/consent/+{PHONE}",
        f"/api/compliance/consent/%2B{PHONE}",
        f"/api/compliance/consent/{PHONE}",
    ],
)
def test_no_line_shows_the_phone_of_a_path(
    log: Callable[[str], None], path: str, lines: io.StringIO
) -> None:
    log(path)

    assert "[redacted]" in lines.getvalue()
    assert PHONE not in lines.getvalue()


@pytest.mark.parametrize("log", WAYS)
def test_no_line_shows_a_link_that_opens_a_door(
    log: Callable[[str], None], lines: io.StringIO
) -> None:
    log(f"/invitation/{TOKEN}/")

    assert "/invitation/[redacted]" in lines.getvalue()
    assert not any(part in lines.getvalue() for part in TOKEN.split(":"))


@pytest.mark.parametrize(
    "address",
    [
        f"/admin/messaging/contact/1/?_changelist_filters=q%3D{PHONE}",
        f"/admin/messaging/contact/1/?_changelist_filters=q%3D%252B{PHONE}%26o%3D1",
        f"/admin/messaging/contact/1/?_changelist_filters=o%253D1%2526phone%253D{PHONE}",
        "/admin/messaging/contact/?q=%2B34+600+555+100",
        "/admin/messaging/contact/?q=34%20600%20555%20100&o=1",
        "/admin/messaging/contact/?name__icontains=Ana",
        "/admin/messaging/contact/?o=1&q=Ana+Garc%C3%ADa",
        "/api/contacts?search=ana%40example.org&page=2",
        f"/x?state=a%3A{PHONE}",
        f"/admin/login/?next=/invitation/{TOKEN.replace(':', '%3A')}/",
        f"/admin/login/?next=%2Finvitation%2F{TOKEN.replace(':', '%3A')}%2F",
        "/webhooks/whatsapp?hub.mode=subscribe&hub.verify_token=hunter2&hub.challenge=1",
        "/media/a.jpg?X-Amz-Signature=hunter2&X-Amz-Date=1",
        "/reset/Mg/c3xk2p-8f4e2a1b9c7d6e5f4a3b2c1d0e9f8a7b/",
        "/exports/download/hunter2hunter2hunter2/",
        f"/anything/{TOKEN}",
        "key sb_0a1b2c3d_hunter2hunter2hunter2",
    ],
)
def test_an_address_shows_no_person_and_no_secret(address: str) -> None:
    shown = redact_text(f"GET {address}")

    hidden = (PHONE, "600", "Ana", "ana", "Garc", TOKEN.split(":")[-1], "hunter2", "c3xk2p")
    assert "[redacted]" in shown
    assert not any(part in shown for part in hidden)


@pytest.mark.parametrize(
    "address",
    [
        f"/admin/accounts/invitation/{ID}/change/",
        "/admin/accounts/invitation/add/",
        f"/admin/compliance/privacyrequest/{ID}/copy/?_changelist_filters=o%3D1",
        f"/api/reports?from=2026-11-01&to=2026-11-20&sender={ID}",
        "/static/switchboard/icon.0a1b2c3d4e5f.svg",
        "/api/auth/token/refresh",
        "100%25 of 12%2C5",
    ],
)
def test_an_address_without_either_stays_as_it_is(address: str) -> None:
    assert redact_text(f"GET {address}") == f"GET {address}"


def test_what_was_decoded_writes_no_line_of_its_own(lines: io.StringIO) -> None:
    log_the_line_of_a_request(f"/x/%2B{PHONE}%0Aforged%1B[31m")

    assert lines.getvalue().count("\n") == 1
    assert "\x1b" not in lines.getvalue()


def test_a_value_that_cannot_be_shown_loses_no_line() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert redact(None, "info", {"event": "odd", "held": Broken()}) == {
        "event": "odd",
        "held": "[Broken]",
    }


def test_numbers_moments_and_ids_stay_readable() -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    event = {
        "count": 3,
        "ok": True,
        "share": 0.5,
        "none": None,
        "timestamp": moment,
        "key": UUID(ID),
    }

    assert scrub_sentry(dict(event), None) == event | {"key": ID}


def test_sentry_gets_the_same_redaction() -> None:
    request = AsyncRequestFactory().get(f"/api/compliance/consent/+{PHONE}")
    event = {
        "request": {"method": "GET", "url": f"https://a.example/invitation/{TOKEN}/"},
        "extra": {"request": request, "number": int(PHONE)},
        "breadcrumbs": {"values": [{"message": f"GET /x?_changelist_filters=q%3D{PHONE}"}]},
    }

    shown = json.dumps(scrub_sentry(event, None))

    assert PHONE not in shown
    assert TOKEN.split(":")[-1] not in shown


def test_a_whole_request_leaves_neither_phone_nor_link(client: Client, lines: io.StringIO) -> None:
    client.get(f"/api/compliance/consent/+{PHONE}")
    client.get(f"/invitation/{TOKEN}/")

    assert "request_finished" in lines.getvalue()
    assert PHONE not in lines.getvalue()
    assert TOKEN.split(":")[-1] not in lines.getvalue()
