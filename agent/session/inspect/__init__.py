"""The failed interpreter, alive: what we ask it, and how people get inside."""
