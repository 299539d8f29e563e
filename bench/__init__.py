"""The benchmark: Holdfast beside OpenSSH, in one run on one machine."""
