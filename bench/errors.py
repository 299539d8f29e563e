"""What can go wrong in a benchmark."""


class BenchError(Exception):
    """A figure could not be measured; the message says at which point."""
