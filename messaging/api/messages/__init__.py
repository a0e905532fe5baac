"""Messages over the API: `sending` asks for one, `views` shows them, `bodies` reads Meta's."""
