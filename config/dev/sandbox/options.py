"""The command line of the sandbox, shared by `manage.py sandbox` and `python -m`."""

import os
from argparse import ArgumentParser
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from config.dev.sandbox.world import SEED

DEFAULT_WEBHOOK = "http://127.0.0.1:8000/api/whatsapp/delivery/webhook"


@dataclass(frozen=True)
class Options:
    """How the sandbox runs."""

    host: str = "127.0.0.1"
    port: int = 8001
    webhook_url: str = DEFAULT_WEBHOOK
    app_secret: str = ""
    verify_token: str = ""
    seed_file: str = str(SEED)
    sink: bool = False
    sent_ms: float = 50
    delivered_ms: float = 300
    read_ms: float = 900
    reply_ms: float = 500
    review_ms: float = 1000
    retry_max_seconds: float = 5
    quiet: bool = False


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options; SANDBOX_PORT, META_APP_SECRET and META_VERIFY_TOKEN are defaults."""
    env = os.environ
    port = int(env.get("SANDBOX_PORT") or 8001)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="0 takes a free one")
    parser.add_argument("--webhook-url", default=env.get("SANDBOX_WEBHOOK_URL", DEFAULT_WEBHOOK))
    parser.add_argument("--app-secret", default=env.get("META_APP_SECRET", ""))
    parser.add_argument("--verify-token", default=env.get("META_VERIFY_TOKEN", ""))
    parser.add_argument("--seed-file", default=str(SEED), type=_existing, help="accounts, as JSON")
    parser.add_argument("--sink", action="store_true", help="accept only: no webhooks, no chats")
    parser.add_argument("--quiet", action="store_true", help="say nothing at the start")
    for name, text in (
        ("sent-ms", "from accepted to sent"),
        ("delivered-ms", "from accepted to delivered"),
        ("read-ms", "from accepted to read"),
        ("reply-ms", "from read to the reply"),
        ("review-ms", "from created to reviewed, for templates"),
        ("retry-max-seconds", "longest wait between two tries of a webhook"),
    ):
        default = getattr(Options, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=float, default=default, help=text)


def _existing(path: str) -> str:
    Path(path).read_bytes()
    return path


def from_arguments(arguments: dict[str, Any]) -> Options:
    """Return the options among the parsed arguments."""
    names = {f.name for f in fields(Options)}
    return Options(**{name: value for name, value in arguments.items() if name in names})
