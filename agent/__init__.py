"""The agent: wraps a build step, and lets its author in where it failed."""
