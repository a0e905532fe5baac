"""The operators' admin: branding and navigation."""
