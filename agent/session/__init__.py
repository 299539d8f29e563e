"""The session process: asleep until a session opens, then everything that people use."""
