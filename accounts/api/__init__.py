"""Sign-in, businesses, members and API keys over HTTP."""
