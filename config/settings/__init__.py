"""Settings by topic; `config.settings` is what runs, `config.settings.test` what tests use."""

from config.settings.base import *  # noqa: F403  # a Django settings module is a namespace
