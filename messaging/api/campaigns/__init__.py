"""The bulk-send routes: a campaign by request, its progress, its controls."""
