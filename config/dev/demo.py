"""The main job, done over the API as a stranger's program would: import, launch, watch, compare.

Every message must end where the sandbox's rule says for its number (docs/sandbox.md), and the
sandbox must have accepted it exactly once.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from config.dev.demo_business import PASSWORD
from config.dev.sandbox.rule import outcome_for
from config.env import BASE_DIR

CONTACTS: Final = BASE_DIR / "examples" / "contacts.csv"
OWNER: Final = "owner@example.com"
TEMPLATE: Final = {"name": "spring_offer", "language": "en_US"}
CATEGORY: Final = "marketing"
VARIABLES: Final = {
    "1": {"field": "name", "default": "friend"},
    "2": {"value": "SPRING20"},
    "button_0": {"value": "spring"},
}
PATIENCE_SECONDS: Final = 180.0
BAR_WIDTH: Final = 32
ORDER: Final = ("queued", "sent", "delivered", "read", "failed", "unknown", "cancelled", "skipped")

Json = dict[str, Any]


class DemoError(Exception):
    """The demo could not be played to its end; the message is one line for a person."""


class Api:
    """A client of our API, signed in as the demo business's owner."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._token = ""

    def sign_in(self) -> None:
        """Get an access token."""
        answer = self.post("/api/auth/token", {"email": OWNER, "password": PASSWORD})
        self._token = answer["access"]

    def get(self, path: str) -> Json:
        """Return the answer to a GET."""
        return self._call("GET", path)

    def post(self, path: str, body: Json | None = None) -> Json:
        """Return the answer to a POST of JSON."""
        data = json.dumps(body).encode() if body is not None else b""
        return self._call("POST", path, data, "application/json")

    def upload(self, path: str, file: Path, fields: dict[str, str]) -> Json:
        """Return the answer to a POST of a file with form fields."""
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{file.name}"\r\nContent-Type: text/csv\r\n\r\n'
        )
        body = "".join(parts).encode() + head.encode() + file.read_bytes()
        body += f"\r\n--{boundary}--\r\n".encode()
        return self._call("POST", path, body, f"multipart/form-data; boundary={boundary}")

    def pages(self, path: str) -> Iterator[Json]:
        """Yield every row of a list."""
        following: str | None = path
        while following:
            page = self.get(following)
            yield from page["results"]
            following = page["next"]

    def _call(self, method: str, path: str, data: bytes | None = None, kind: str = "") -> Json:
        url = path if path.startswith("http") else self._base + path
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if kind:
            headers["Content-Type"] = kind
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310  # our own web process
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own web process
                found: Json = json.loads(answer.read() or b"{}")
                return found
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")[:500]
            raise DemoError(f"{method} {path} answered {error.code}: {detail}") from error


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the campaign. `wrong` lists messages that ended elsewhere than they must."""

    counts: Counter[str]
    reasons: Counter[tuple[str, str]]
    skipped: Json
    total: int
    wrong: list[str]
    seconds: float


def play(*, web: str, sandbox: str) -> Result:
    """Import the example contacts, send them a campaign, and compare its end with the rule."""
    api = Api(web)
    api.sign_in()
    list_id = import_contacts(api)
    began = time.monotonic()
    campaign = launch(api, list_id)
    watch(api, campaign)
    messages = wait_for_ends(api, campaign)
    return compare(api, campaign, messages, sandbox, time.monotonic() - began)


def import_contacts(api: Api) -> str:
    """Import the file with consent; return the id of its list."""
    _say(f"Importing {CONTACTS.relative_to(BASE_DIR)}")
    found = api.upload("/api/contacts/import", CONTACTS, {"list_name": "Example contacts"})
    found = _follow_import(api, found["id"], until="ready")
    for verdict, rows in sorted(found["verdicts"].items(), key=lambda item: -item[1]):
        _say(f"  {rows:>5}  {verdict.replace('_', ' ')}")
    api.post(f"/api/contacts/import/{found['id']}/commit")
    found = _follow_import(api, found["id"], until="done")
    _say(f"  {found['created_count']} people, {found['refused_count']} rows refused")
    return str(found["list"])


def _follow_import(api: Api, import_id: str, *, until: str) -> Json:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = api.get(f"/api/contacts/import/{import_id}")
        _bar("import", found["rows_done"], found["rows_total"])
        if found["status"] == until:
            _end_bar()
            return found
        if found["status"] == "failed":
            raise DemoError(f"The import failed: {found['error']}")
        time.sleep(0.2)
    raise DemoError(f"The import did not become {until}.")


def launch(api: Api, list_id: str) -> str:
    """Launch the campaign to the list; return its id."""
    plan = {
        "name": "Spring offer",
        "template": TEMPLATE,
        "audience": {"list": list_id},
        "variables": VARIABLES,
    }
    expected = api.post("/api/whatsapp/bulk-send", plan | {"dry_run": True})
    _say(f"Dry run: {expected['accepted']} of {expected['total']} people may be written to")
    for code, people in expected["skipped"].items():
        _say(f"  {people:>5}  skipped: {code.replace('_', ' ')}")
    return str(api.post("/api/whatsapp/bulk-send", plan)["id"])


def watch(api: Api, campaign: str) -> None:
    """Show the progress bar until every message has left."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        progress = api.get(f"/api/whatsapp/bulk-send/{campaign}")
        waiting = progress["waiting"] + progress["counts"]["queued"]
        _bar("campaign", progress["total"] - waiting, progress["total"])
        if progress["status"] not in {"launching", "running"}:
            _end_bar()
            return
        time.sleep(0.3)
    raise DemoError("The campaign did not end.")


def wait_for_ends(api: Api, campaign: str) -> list[Json]:
    """Wait until statuses have stopped coming; return the messages."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    path = f"/api/whatsapp/messages?campaign={campaign}&limit=200"
    while True:
        messages = list(api.pages(path))
        if all(_is_right(message) for message in messages) or time.monotonic() > deadline:
            return messages
        time.sleep(0.5)


def _is_right(message: Json) -> bool:
    rule = outcome_for(message["to"], category=CATEGORY)
    code = (message["error"] or {}).get("code")
    return (message["status"], code) == (rule.final, rule.error_code)


def compare(api: Api, campaign: str, messages: list[Json], sandbox: str, seconds: float) -> Result:
    """Hold the messages against the rule, and against what the sandbox accepted."""
    progress = api.get(f"/api/whatsapp/bulk-send/{campaign}")
    accepted = _accepted(sandbox)
    wrong = [
        f"{message['id']}: {message['status']}" for message in messages if not _is_right(message)
    ]
    wrong += [
        f"{message['id']}: accepted {accepted[message['id']]} times"
        for message in messages
        if accepted[message["id"]] != 1
    ]
    refused = sum(progress["skipped"].values())
    if len(messages) + refused != progress["total"]:
        wrong.append(f"{len(messages)} messages and {refused} skipped are not {progress['total']}")
    reasons = Counter(
        (str(message["error"]["code"]), message["error"]["title"])
        for message in messages
        if message["status"] == "failed"
    )
    counts = Counter(message["status"] for message in messages)
    counts["skipped"] += refused
    return Result(counts, reasons, progress["skipped"], progress["total"], wrong, seconds)


def _accepted(sandbox: str) -> Counter[str]:
    url = f"{sandbox}/_sandbox/messages?format=jsonl"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  # our own sandbox
        rows = [json.loads(line) for line in answer]
    return Counter(row["biz_opaque_callback_data"] for row in rows)


def show(result: Result) -> None:
    """Print the outcome table."""
    _say("")
    _say("  outcome      people   share")
    _say("  " + "-" * 28)
    for status in ORDER:
        count = result.counts[status]
        if count or status in {"sent", "delivered", "read", "failed", "skipped"}:
            _say(f"  {status:<11} {count:>7}  {count / max(1, result.total):>6.1%}")
    _say("  " + "-" * 28)
    _say(f"  {'audience':<11} {result.total:>7}")
    if result.reasons:
        _say("\n  Failed because:")
        for (code, title), count in sorted(result.reasons.items()):
            _say(f"  {count:>5}  {code}  {title}")
    if result.skipped:
        _say("\n  Skipped because:")
        for code, count in sorted(result.skipped.items()):
            _say(f"  {count:>5}  {code.replace('_', ' ')}")
    _say(f"\n  {result.seconds:.1f} s from launch to the last status.")
    if result.wrong:
        _say(f"\n  {len(result.wrong)} messages did not end where they must:")
        for line in result.wrong[:20]:
            _say(f"    {line}")
    else:
        _say("  Every message ended where it must, and was accepted exactly once.")


def _bar(label: str, done: int, total: int) -> None:
    if not sys.stdout.isatty():
        return
    share = done / total if total else 0.0
    filled = round(share * BAR_WIDTH)
    bar = "█" * filled + "░" * (BAR_WIDTH - filled)
    sys.stdout.write(f"\r  {label:<9} {bar} {share:>4.0%}  {done:,} of {total:,} ")
    sys.stdout.flush()


def _end_bar() -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\n")


def _say(line: str) -> None:
    print(line, flush=True)
