"""Our phone numbers over the API: the numbers, their limits, pauses and events."""
