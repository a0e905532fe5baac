"""Delivery over the API: the report, a message's events, trying failed messages again."""
