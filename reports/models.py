"""Reports keep no rows of their own."""
