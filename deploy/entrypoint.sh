#!/bin/sh
# What a container does: check the deployment, wait for the database, become the process.
set -eu

case "${1:-web}" in
migrate)
    export DATABASE_ROLE=owner
    python -m config.startup
    exec python manage.py migrate --noinput
    ;;
web)
    python -m config.startup
    export DATABASE_POOL_SIZE="${DATABASE_POOL_SIZE:-20}"
    exec granian --interface asgi --host 0.0.0.0 --port 8000 --workers "${WEB_WORKERS:-2}" \
        --respawn-failed-workers config.asgi:application
    ;;
celery)
    python -m config.startup
    exec "$@"
    ;;
*)
    exec "$@"
    ;;
esac
