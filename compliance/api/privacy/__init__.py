"""Requests of people about their data, by API."""
