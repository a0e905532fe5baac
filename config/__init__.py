"""Wiring: settings, URLs, Celery, ASGI, health; `lib` is shared code, `dev` the sandbox and demo."""
