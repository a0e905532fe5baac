"""Forms of the pages of messaging."""
