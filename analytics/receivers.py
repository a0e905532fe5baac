"""What analytics does about facts from messaging."""
