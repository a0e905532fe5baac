"""The message row and its log: `status` what Meta's statuses do to it, `tallies`, `history`."""
