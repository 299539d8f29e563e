"""The process that the runner started: runs the step, waits, holds the verdict, ends what is left."""
