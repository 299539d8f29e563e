"""Keeps asyncssh's import from starting programs: imported before it, by the composition root.

It looks for two libraries that we do not use (UMAC and liboqs) by `ctypes.util.find_library`, which runs
ldconfig, gcc and ld: 30 ms, and half a minute of retries where nothing can be forked (`--pids-limit`).
"""

import ctypes.util


def _found_nothing(name: str) -> str | None:  # noqa: ARG001  (the signature is ctypes')
    return None


ctypes.util.find_library = _found_nothing
