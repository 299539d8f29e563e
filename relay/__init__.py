"""The relay: routes logins to agents."""
