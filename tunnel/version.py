"""The version of all of Holdfast. Reading it from the installed package's metadata costs 60 ms at each start."""

VERSION = "0.1.0"
