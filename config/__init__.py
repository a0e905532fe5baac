"""Wiring: settings, URLs, Celery, ASGI, health. `lib` is shared code, `dev` sandbox and demo."""
