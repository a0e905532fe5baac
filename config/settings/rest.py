"""The API: REST framework, tokens, schema."""
