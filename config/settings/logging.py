"""Log lines, errors to Sentry, alerts."""
