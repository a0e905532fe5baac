"""Real PostgreSQL and Valkey for development and tests, without root or Docker.

- `Servers`: both together; what `python -m config.dev.embedded` drives.
- `Postgres`, `Valkey`: one each, with start, stop, kill (a crash), is_alive, env.

Programs come from the pinned wheels, else from PATH. They listen on 127.0.0.1 only,
on random ports with random passwords, and keep their data in `SWITCHBOARD_DATA_DIR`.
Nothing here imports Django.
"""

from config.dev.embedded.host import EmbeddedError
from config.dev.embedded.postgres import Postgres
from config.dev.embedded.servers import Servers
from config.dev.embedded.valkey import Valkey

__all__ = ["EmbeddedError", "Postgres", "Servers", "Valkey"]
