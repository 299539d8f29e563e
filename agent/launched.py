"""What only the static binary knows: how signals arrived before Python changed them, and what lies beside a module.

Its launcher (`packaging/launcher/handover.h`) makes the environment and the command line what the runner gave, so that
nothing here, nor in /proc, tells the two apart.
"""

import os
import sys

TYPE_CHECKING = False  # `typing` costs the keeper 5 ms
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

if "_holdfast" in sys.builtin_module_names:
    import _holdfast  # type: ignore[import-not-found]  # built into the interpreter of the binary

    BINARY = True
    IGNORED: set[int] = _holdfast.ignored
else:
    BINARY = False
    IGNORED = set()
    """Of the signals that Python ignores by itself, those that arrived so."""


def read_beside(spec: "ModuleSpec | None", name: str) -> bytes:
    """Return the content of a file that lies beside the module of that `__spec__`; FileNotFoundError."""
    assert spec and spec.origin
    content: bytes = spec.loader.get_data(os.path.join(os.path.dirname(spec.origin), name))  # type: ignore[union-attr]
    return content
