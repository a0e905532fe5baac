"""The only reader of the environment.

Values come from, in this order: the process environment, `.env`, and
`.data/servers.env` (addresses of the embedded servers while they run).
"""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env", overwrite=False)
env.read_env(BASE_DIR / ".data" / "servers.env", overwrite=False)
