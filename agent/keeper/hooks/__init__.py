"""Our pieces in the step's interpreter: how each of the four is started with one. `PROTOCOL.md` is their contract."""
