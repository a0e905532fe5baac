#!/bin/sh
# Run once by the postgres image on an empty data directory: the two roles Switchboard uses.
# The owner makes the tables; the app uses them, and row-level security binds it.
set -eu

psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v owner_password="$OWNER_PASSWORD" -v app_password="$APP_PASSWORD" -v database="$POSTGRES_DB" <<'SQL'
CREATE ROLE switchboard_owner LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB PASSWORD :'owner_password';
CREATE ROLE switchboard_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB PASSWORD :'app_password';
ALTER DATABASE :"database" OWNER TO switchboard_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE switchboard_owner
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO switchboard_app;
ALTER DEFAULT PRIVILEGES FOR ROLE switchboard_owner
    GRANT USAGE, SELECT ON SEQUENCES TO switchboard_app;
\connect template1
ALTER DEFAULT PRIVILEGES FOR ROLE switchboard_owner
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO switchboard_app;
ALTER DEFAULT PRIVILEGES FOR ROLE switchboard_owner
    GRANT USAGE, SELECT ON SEQUENCES TO switchboard_app;
SQL
