"""The keeper in C by itself, built in a moment: as it is, for other margins, under sanitizers, with another `main`."""

import os
import subprocess
import sys

from tests.binary.conftest import REPOSITORY

STANDALONE = os.path.join(REPOSITORY, "packaging", "launcher", "standalone.py")
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def build(path, *constants, flags=(), main="standalone.c", compiler=None):
    """Compile it into `path`; returns that."""
    subprocess.run(
        [sys.executable, STANDALONE, str(path), *constants, f"--main={main}", "--", *flags],
        env={**os.environ, **({"CC": compiler} if compiler else {})},
        check=True,
    )
    return str(path)
