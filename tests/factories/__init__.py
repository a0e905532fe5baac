"""Rows for tests: one factory per model, and the cast every test knows."""
