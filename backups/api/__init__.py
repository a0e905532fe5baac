"""Backups over HTTP."""
