"""The demo, the project that it debugs, and what starts programs for it, the benchmark and the tests."""
