"""The sandbox as our Meta, as in the tests of messaging."""

from tests.messaging.conftest import sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]
