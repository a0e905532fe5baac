"""Alerts reach every configured channel; one that fails does not silence the others."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.mail import EmailMessage
from pytest_django.fixtures import Settings

from config.lib import alerts


class Recorder(HTTPServer):
    """Stands where Slack is."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.bodies.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def slack() -> Iterator[Recorder]:
    server = Recorder()
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_mail_and_slack_get_the_alert(
    settings: Settings, slack: Recorder, mailoutbox: list[EmailMessage]
) -> None:
    settings.ALERT_EMAILS = ["ops@example.com"]
    settings.ALERT_SLACK_WEBHOOK_URL = f"http://127.0.0.1:{slack.server_port}/hook"

    counts = alerts.deliver(title="Sender paused", detail="Quality is red.", severity="error")

    assert counts == {"sent": 2, "failed": 0}
    assert mailoutbox[0].subject == "[Switchboard] error: Sender paused"
    assert slack.bodies == [{"text": "*error: Sender paused*\nQuality is red."}]


def test_a_channel_that_fails_does_not_stop_the_next(
    settings: Settings, slack: Recorder, mailoutbox: list[EmailMessage]
) -> None:
    settings.ALERT_EMAILS = ["ops@example.com"]
    settings.ALERT_SLACK_WEBHOOK_URL = "file:///etc/passwd"

    assert alerts.deliver(title="t", detail="d", severity="info") == {"sent": 1, "failed": 1}


def test_without_channels_an_alert_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    alerts.send("Sender paused", "Quality is red.")

    assert "Sender paused" in caplog.text
