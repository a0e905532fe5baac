"""The ASGI application the web server runs: the webhook door, a limit of bodies, and Django."""

import os

from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django = get_asgi_application()

from config.bodies import BodyLimit  # noqa: E402  # needs the apps to be ready
from config.startup import require_serving_role, require_sound_settings  # noqa: E402  # needs the apps to be ready
from messaging.webhooks.intake import Intake  # noqa: E402  # needs the apps to be ready

try:
    require_sound_settings()
    require_serving_role()
except ImproperlyConfigured as error:
    raise SystemExit(f"Switchboard does not start: {error}") from error

behind = BodyLimit(django)
application = Intake(behind)
