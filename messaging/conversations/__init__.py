"""Threads between a sender and a person: `threads` what happened, `window` may we answer freely."""
