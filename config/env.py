"""The only reader of the environment.

Values come from, in this order: the process environment, `.env`, and `servers.env`
in the data directory (addresses of the embedded servers while they run).
"""

import os
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent


def read_embedded_addresses(path: Path) -> None:
    """Take the addresses of the embedded servers, unless others were given.

    A database given by hand keeps its own owner: the embedded one's is never mixed in.
    """
    embedded = path.read_text().splitlines() if path.is_file() else []
    given = {"DATABASE": "DATABASE_URL" in os.environ, "REDIS": "REDIS_URL" in os.environ}
    for line in embedded:
        name, _, value = line.partition("=")
        if not given.get(name.partition("_")[0], False):
            os.environ.setdefault(name, value)


env = environ.Env()
env.read_env(BASE_DIR / ".env", overwrite=False)
DATA_DIR = Path(env.str("SWITCHBOARD_DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
read_embedded_addresses(DATA_DIR / "servers.env")
