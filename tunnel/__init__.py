"""The tunnel between agent and relay: see `PROTOCOL.md`."""
