"""A Meta that looks at our database while it is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from django.db import connection
from pytest_django import Settings

from accounts import tenancy
from accounts.models import Membership, Role

MEDIA_ID = "4490709327384033"
TEMPLATE = {
    "id": "594425479261596",
    "name": "welcome",
    "language": "en_US",
    "category": "UTILITY",
    "status": "APPROVED",
    "components": [{"type": "BODY", "text": "Welcome."}],
}


class Watching(BaseHTTPRequestHandler):
    """Answers as Meta does, and notes which locks and transactions stand meanwhile."""

    stood: ClassVar[list[tuple[int, int]]] = []

    def meanwhile(self) -> None:
        """Let something happen before the answer."""

    def do_POST(self) -> None:
        """Take a file."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"id": MEDIA_ID})

    def do_GET(self) -> None:
        """List one template or one number, or describe an account."""
        if "/message_templates" in self.path:
            self._answer({"data": [TEMPLATE]})
        elif "/phone_numbers" in self.path:
            waba_id = self.path.split("/")[2]
            number = {
                "id": f"{waba_id}1",
                "display_phone_number": "+34 600 555 001",
                "whatsapp_business_manager_messaging_limit": "TIER_10K",
            }
            self._answer({"data": [number]})
        else:
            self._answer({"id": "1", "name": "Store"})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _answer(self, body: dict[str, Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database"
                "  WHERE datname = current_database() AND locktype = 'advisory'),"
                " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                "  AND state LIKE 'idle in transaction%')"
            )
            self.stood.append(cursor.fetchone())
        with tenancy.across(tenancy.Door.COMMAND):
            self.meanwhile()
        connection.close()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


class Demoting(Watching):
    """A Meta in whose time everybody loses their role."""

    def meanwhile(self) -> None:
        """Make everybody an auditor."""
        Membership.objects.update(role=Role.AUDITOR)


@contextmanager
def meta(settings: Settings, handler: type[Watching] = Watching) -> Iterator[None]:
    """Put this Meta in the place of the sandbox."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.META_GRAPH_URL = f"http://127.0.0.1:{server.server_port}"
    Watching.stood.clear()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
