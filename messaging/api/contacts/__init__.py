"""Contacts, tags, lists and imports as plain REST resources."""
