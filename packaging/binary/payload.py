"""Writes the payload of the static binary, and the table of its files that `packaging/launcher/payload.h` declares."""

import hashlib
import os
import subprocess

LEVEL = "-19"
"""zstd's: 14 MB; 22 saves 1 % more, and needs 128 MB to decompress."""

LOADER = "ld.so"
PROGRAM = "program"
MODULES = "modules"
EXTENSION_SUFFIX = ".so"

_ID_DIGITS = 32


def kind(name: str) -> str:
    """Return what a file is, by its name."""
    fixed = {LOADER: "LOADER", PROGRAM: "PROGRAM", MODULES: "MODULES"}
    return fixed.get(name) or ("EXTENSION" if name.endswith(EXTENSION_SUFFIX) else "LIBRARY")


def write_payload(directory: str, names: list[str], output: str) -> None:
    """Write the files `names` of `directory`, in this order; the loader first, extensions behind the modules."""
    content = bytearray()
    lines = []
    for name in names:
        with open(os.path.join(directory, name), "rb") as file:
            data = file.read()
        content += data
        lines.append(f'    {{"{name}", PAYLOAD_{kind(name)}, {len(data)}}},')
    digest = hashlib.sha256(content)
    digest.update("\n".join(lines).encode())
    table = (
        "/* Made by packaging/binary/payload.py. */",
        '#include "payload.h"',
        "",
        f'const char PAYLOAD_ID[] = "{digest.hexdigest()[:_ID_DIGITS]}";',
        "const struct payload_file PAYLOAD_FILES[] = {",
        *lines,
        "};",
        f"const size_t PAYLOAD_COUNT = {len(names)};",
        "",
    )
    with open(os.path.join(output, "contents.c"), "w", encoding="ascii") as file:
        file.write("\n".join(table))
    subprocess.run(
        ["zstd", "--quiet", "--force", "--no-check", LEVEL, "-o", os.path.join(output, "payload.zst")],
        input=bytes(content),
        check=True,
    )
