"""The only reader of the environment.

Values come from, in this order: the process environment, `.env`, and `servers.env`
in the data directory (addresses of the embedded servers while they run).
"""

import os
from collections import ChainMap
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent


def embedded_addresses(path: Path) -> dict[str, str]:
    """Return the addresses of the embedded servers, but of none that was given by hand.

    A database given by hand keeps its own owner: the embedded one's is never mixed in.
    """
    lines = path.read_text().splitlines() if path.is_file() else []
    pairs = (line.partition("=") for line in lines)
    embedded = {name: value for name, _, value in pairs}
    if "DATABASE_URL" in os.environ:
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "POSTGRES_BIN_DIR"):
            embedded.pop(name, None)
    return embedded


env = environ.Env()
env.read_env(BASE_DIR / ".env", overwrite=False)
DATA_DIR = Path(env.str("SWITCHBOARD_DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
# Beside the process environment, not in it: a child would take them for given by hand.
env.ENVIRON = ChainMap(os.environ, embedded_addresses(DATA_DIR / "servers.env"))
